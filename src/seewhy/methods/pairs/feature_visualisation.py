"""An image drawn from noise until a network's features of it resemble those of a given image."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.methods.pairs.feature_ascent import Ascent, Climb, Climbed, Octaves, climb
from seewhy.methods.pairs.method import Protocol, cosines
from seewhy.methods.pairs.objectives import FeatureSimilarity, MixtureStrength, Objective
from seewhy.methods.pairs.pixel_space import PixelSpace
from seewhy.methods.pairs.site_features import Progress, features_at, site_name
from seewhy.methods.pairs.synthesis import (
    as_picture,
    check_pixels,
    facts,
    only_image,
    seeded,
    start_like,
)
from seewhy.models.guard import device_of, differentiation
from seewhy.models.image_encoders import ImageEncoder
from seewhy.results.explanation import Explanation
from seewhy.results.parts import Curve, Part, Picture


@dataclass(frozen=True, eq=False)
class DrawnImages:
    """What was drawn, on the CPU, from 0 to 1 and of the size of the model's input.

    `values` are the objective before each step, over all sizes in turn. `similarity` is the cosine
    of the embeddings of the drawn and the given image: whether the whole model falls for it.
    """

    images: Pixels
    values: Float[Tensor, "steps batch"]
    similarity: Float[Tensor, " batch"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureVisualisation:
    """What a submodule keeps of an image: another image, drawn for the same features.

    `site` is the submodule, by default the encoder's own, or the embedding where it has none. The
    start is even noise from `seed`, `start_scale` wide, around mid-grey. With more than one octave
    the encoder has to take smaller images. With `protocol` "published" the noise begins at 0, what
    is drawn is clipped to 0..1 as the model's input, whatever its mean and deviation, and
    `MixtureStrength` has its quirk; by default an image is drawn, and normalised on the way in.

    Source: the code that came before Sammani, Joukovsky and Deligiannis, Visualizing and
    Understanding Contrastive Learning, IEEE TIP 2023. No constants of it are known: all are ours.
    """

    name: ClassVar[str] = "feature-visualisation"

    site: str | None = None
    objective: Objective = field(default_factory=FeatureSimilarity)
    ascent: Ascent = field(default_factory=Ascent)
    octaves: Octaves = field(default_factory=Octaves)
    start_scale: float = 0.02
    seed: int = 0
    protocol: Protocol = field(default="mended", kw_only=True)

    def draw(
        self,
        encoder: ImageEncoder,
        pixels: Pixels,
        *,
        start: Pixels | None = None,
        progress: Progress | None = None,
    ) -> DrawnImages:
        """One image per given one, these as the model takes them; they do not see each other.

        `start` is one's own, from 0 to 1. Raises `UsageError` for sites and sizes that the encoder
        does not have, `DataError` with the code "non_finite" for NaN or infinity. The model is left
        as found.
        """
        check_pixels(pixels)
        space = PixelSpace.identity() if self.protocol == "published" else PixelSpace.of(encoder)
        target = space.to_images(pixels.to(device_of(encoder.module), torch.float32))
        begun = self._start(target) if start is None else start.to(target)
        features = space.features(features_at(encoder, self.site))
        with differentiation(encoder.module):
            found = climb(features, begun, target, how=self._climb(), progress=progress)
            with torch.no_grad():
                embeddings = (
                    encoder.embed(space.to_input(each)) for each in (found.images, target)
                )
                similarity = cosines(*embeddings)
        return DrawnImages(
            found.images.cpu(), found.values.cpu(), similarity.cpu(), tuple(_notes(found))
        )

    def explain(
        self,
        encoder: ImageEncoder,
        images: Sequence[Image.Image],
        *,
        progress: Progress | None = None,
    ) -> list[Explanation]:
        """One explanation per image: the image as the model saw it, what was drawn, its ascent.

        The score is the cosine of the embeddings of the two. `progress` counts an image's steps.
        """
        return [self._explained(encoder, image, progress) for image in images]

    def _explained(
        self, encoder: ImageEncoder, image: Image.Image, progress: Progress | None
    ) -> Explanation:
        pixels = only_image(encoder, image)
        found = self.draw(encoder, pixels, progress=progress)
        site = site_name(encoder, self.site)
        values = found.values.T.double().numpy()
        parts: tuple[Part, ...] = (
            Picture("The image as the model was shown it", _seen(encoder, pixels)),
            Picture(f"Drawn for the features of {site}", as_picture(found.images[0])),
            Curve(
                title="Objective",
                axis="steps",
                names=(type(self.objective).__name__,),
                positions=np.arange(float(values.shape[1])),
                values=values,
            ),
        )
        known = facts(self, encoder, found.notes) | {"site": site}
        return Explanation(
            f"what {site} keeps of the image", float(found.similarity[0]), parts, known
        )

    def _climb(self) -> Climb:
        objective = self.objective
        if isinstance(objective, MixtureStrength):
            objective = replace(objective, protocol=self.protocol)
        return Climb(objective, self.ascent, self.octaves)

    def _start(self, target: Pixels) -> Pixels:
        drawn = torch.rand(1, *target.shape[1:], generator=seeded(self.seed))
        lowest = 0.0 if self.protocol == "published" else (1 - self.start_scale) / 2
        return start_like(target, lowest + drawn * self.start_scale)


def _seen(encoder: ImageEncoder, pixels: Pixels) -> np.ndarray:
    return as_picture(PixelSpace.of(encoder).to_images(pixels)[0])


def _notes(found: Climbed) -> tuple[str, ...]:
    is_unmoved = found.values[0] == found.values[-1]
    still = is_unmoved.nonzero()[:, 0].tolist() if len(found.values) > 1 else []
    return tuple(f"Image {index}: no step changed the objective." for index in still)
