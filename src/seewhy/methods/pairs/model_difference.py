"""What two networks keep of an image, each drawn from its own features."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.inversion import Inversion, Inverted
from seewhy.methods.pairs.kept_images import Keeping, KeptImages
from seewhy.methods.pairs.method import Protocol
from seewhy.methods.pairs.site_features import Progress, site_name
from seewhy.methods.pairs.synthesis import as_picture, facts, only_image
from seewhy.models.image_encoders import ImageEncoder
from seewhy.results.explanation import Explanation
from seewhy.results.parts import ConceptScores, Curve, Heatmap, Part, Picture


@dataclass(frozen=True, eq=False)
class ModelsCompared:
    """What the encoder and the baseline keep of the same images, each at its own input size."""

    encoder: KeptImages
    baseline: KeptImages

    @property
    def advantage(self) -> Float[Tensor, "batch height width"]:
        """Above zero where the encoder is nearer to the image than the baseline, -1 to 1.

        Over the pixels of the encoder's input; the baseline's are brought to its size, bilinear.
        It means something where both were shown the same part of the image.
        """
        own, other = self.encoder.misses, self.baseline.misses
        if own.shape != other.shape:
            other = functional.interpolate(other[:, None], own.shape[1:], mode="bilinear")[:, 0]
        return other - own


@dataclass(frozen=True)
class ModelDifference:
    """Images whose features in an encoder, and in a baseline, are those of a given image.

    `site` and `baseline_site` are submodules of equal depth, by default the encoders' own. How
    images are drawn is said at `Keeping`; as published only the encoder's rate decays.

    Source: the released code of Sammani, Joukovsky and Deligiannis, Visualizing and Understanding
    Contrastive Learning, IEEE TIP 2023, arXiv 2206.09753. Adam, its rate and the advantage are
    ours.
    """

    name: ClassVar[str] = "model-difference"

    site: str | None = None
    baseline_site: str | None = None
    inversion: Inversion = field(default_factory=Inversion)
    start_scale: float = 0.01
    seed: int = 0

    @classmethod
    def published(
        cls, site: str | None = None, baseline_site: str | None = None
    ) -> "ModelDifference":
        """The constants of the published demonstration."""
        return cls(site, baseline_site, Inversion.published(), start_scale=0.1)

    @property
    def protocol(self) -> Protocol:
        """That of the inversion."""
        return self.inversion.protocol

    @property
    def keeping(self) -> Keeping:
        """How the encoder's images are drawn."""
        return Keeping(self.site, self.inversion, self.start_scale, self.seed)

    @property
    def baseline_keeping(self) -> Keeping:
        """How the baseline's are."""
        return Keeping(self.baseline_site, self.inversion.undecayed(), self.start_scale, self.seed)

    def compare(
        self,
        encoder: ImageEncoder,
        baseline: ImageEncoder,
        images: Sequence[Image.Image],
        *,
        progress: Progress | None = None,
    ) -> ModelsCompared:
        """Both encoders on the same images; `progress` counts the steps of both.

        Raises `UsageError` for sites that do not exist and for images of which a preprocessing
        makes different sizes, `DataError` with the code "non_finite" for NaN or infinity. The
        models are left as found.
        """
        own, other = _batch(encoder, images), _batch(baseline, images)
        steps = self.inversion.steps
        return ModelsCompared(
            self.keeping.keep(encoder, own, progress=_part_of(progress, 0, 2 * steps)),
            self.baseline_keeping.keep(
                baseline, other, progress=_part_of(progress, steps, 2 * steps)
            ),
        )

    def explain(
        self,
        encoder: ImageEncoder,
        baseline: ImageEncoder,
        images: Sequence[Image.Image],
        *,
        progress: Progress | None = None,
    ) -> list[Explanation]:
        """One explanation per image: what each keeps, where that differs, and how it was found.

        There is no score. `progress` counts an image's steps.
        """
        explanations = []
        for image in images:
            found = self.compare(encoder, baseline, [image], progress=progress)
            names = (
                f"{encoder.name}, {site_name(encoder, self.site)}",
                f"{baseline.name}, {site_name(baseline, self.baseline_site)}",
            )
            explanations.append(
                Explanation(
                    f"what {names[0]} keeps of the image, and what {names[1]} keeps",
                    None,
                    _parts(found, names),
                    facts(self, encoder, baseline.notes) | {"baseline": baseline.name},
                )
            )
        return explanations


def _parts(found: ModelsCompared, names: tuple[str, str]) -> tuple[Part, ...]:
    both: tuple[Inverted, Inverted] = (found.encoder.inverted, found.baseline.inverted)
    losses = torch.stack([each.losses[:, 0] for each in both]).double().numpy()
    return (
        Picture("The image as the encoder was shown it", as_picture(found.encoder.given[0])),
        *(
            Picture(f"Kept by {name}", as_picture(each.images[0]))
            for name, each in zip(names, both, strict=True)
        ),
        Heatmap(
            "Nearer to the image: the encoder (above zero) or the baseline (below)",
            found.advantage[0].numpy(),
            frame="input",
        ),
        ConceptScores(
            title="Squared distance of the features, by their squared length",
            names=_distinct(names),
            scores=torch.cat([each.errors for each in both]).double().numpy(),
        ),
        Curve(
            title="Loss",
            axis="steps",
            names=_distinct(names),
            positions=np.arange(float(losses.shape[1])),
            values=losses,
        ),
    )


def _distinct(names: tuple[str, str]) -> tuple[str, str]:
    own, other = names
    return (own, f"{other} (baseline)")


def _part_of(progress: Progress | None, before: int, steps: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _: progress(before + done, steps)


def _batch(encoder: ImageEncoder, images: Sequence[Image.Image]) -> Tensor:
    pixels = [only_image(encoder, image) for image in images]
    if len({each.shape for each in pixels}) != 1:
        raise UsageError(
            f"{len(images)} images of {len({each.shape for each in pixels})} sizes after the "
            f"preprocessing of {encoder.name}; wanted one size. Give them one by one."
        )
    return torch.cat(pixels)
