"""What an image is drawn for: features that resemble, or that are strong."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.methods.pairs.method import Protocol, cosines

Values = Float[Tensor, " batch"]


@dataclass(frozen=True)
class FeatureSimilarity:
    """The cosine of all features with those of the target image, -1 to 1.

    `distance_weight` adds the mean squared difference; above zero, as published, that rewards
    features for being far from the target's in length.
    """

    distance_weight: float = 0.0

    def __call__(self, features: Tensor, target: Tensor) -> Values:
        """One value per image."""
        flat, aims = features.flatten(1), target.flatten(1)
        similarity = cosines(flat, aims)
        if self.distance_weight == 0:
            return similarity
        return similarity + self.distance_weight * (flat - aims).square().mean(dim=1)


@dataclass(frozen=True)
class MixtureStrength:
    """The length of a mixture: `share` of the image's features and the rest of the target's.

    What is strong in either becomes stronger. Gradients flow through the image's features only.
    As published the mixture is written into the features in place, so that a ReLU that gave them
    passes gradients wherever the mixture is above zero, also where it was closed itself.
    """

    share: float = 0.3
    protocol: Protocol = "mended"

    def __call__(self, features: Tensor, target: Tensor) -> Values:
        """One value per image."""
        mixture = self.share * features.detach() + (1 - self.share) * target
        if self.protocol == "published":
            features.data.copy_(mixture)
            return _lengths(features)
        flat = mixture.flatten(1)
        length = _lengths(mixture)
        direction = flat / length.clamp(min=torch.finfo(flat.dtype).tiny)[:, None]
        gained = (direction * features.flatten(1)).sum(dim=1)
        value: Values = length + gained - gained.detach()
        return value


Objective = FeatureSimilarity | MixtureStrength


def _lengths(features: Tensor) -> Values:
    lengths: Values = torch.linalg.vector_norm(features.flatten(1), dim=1)
    return lengths
