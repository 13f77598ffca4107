"""Which pixels the similarity of an image to its changed versions goes with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from scipy import ndimage
from torch import Tensor

from seewhy.base.axes import OnePixels
from seewhy.base.errors import DataError, UsageError
from seewhy.data.aligned_views import aligned_views
from seewhy.methods.pairs.method import Protocol, cosines, min_max
from seewhy.methods.pairs.pixel_space import PixelSpace
from seewhy.methods.pairs.site_features import Progress
from seewhy.methods.pairs.surrogates import (
    DescentFit,
    SparseFit,
    Surrogate,
    descended,
    drawn_start,
    part_labels,
    small_images,
    sparsest,
)
from seewhy.methods.pairs.synthesis import facts, only_image
from seewhy.models.guard import inference
from seewhy.models.image_encoders import ImageEncoder
from seewhy.results.explanation import Explanation
from seewhy.results.parts import ConceptScores, Heatmap

_AT_ONCE = 8
_HELD_OUT = 5
_BLUR = 5

Map = Float[Tensor, "rows cols"]
SomePixels = Float[Tensor, "_ 3 height width"]
Look = Literal["raw", "min-max", "published"]


@dataclass(frozen=True, eq=False)
class InvarianceMap:
    """The largest weight over the colours of each pixel of the small image, signed.

    `weights` are those of all colours. `similarities` are the cosines of the image with its
    versions. `fidelity` is the correlation of similarities with what the linear model makes of
    versions that it was not fitted to; None where it is not defined. Below about 0.5 the map says
    little of the encoder.
    """

    map: Map
    weights: Float[Tensor, "3 rows cols"]
    similarities: Float[Tensor, " samples"]
    fidelity: float | None
    notes: tuple[str, ...] = ()

    def drawn(self, look: Look = "min-max") -> Map:
        """As computed, from 0 to 1, or as published: what is below 0.5 is 0, then blurred."""
        if look == "raw":
            return self.map
        scaled = min_max(self.map[None])[0]
        return scaled if look == "min-max" else emphasised(scaled)


def emphasised(scaled: Map) -> Map:
    """A map from 0 to 1 without what is below 0.5, blurred by a Gaussian of 11 x 11 pixels."""
    kept = torch.where(scaled < 0.5, 0.0, scaled).numpy()
    blurred = ndimage.gaussian_filter(kept, _BLUR, radius=_BLUR, mode="mirror")
    return torch.from_numpy(blurred)


@dataclass(frozen=True)
class PixelInvariance:
    """A linear model of the similarity, fitted to the mean of an image and of changed versions.

    `samples` versions are drawn from `seed`, jittered in colour and partly erased, everything in
    its place; images are made `side` x `side` pixels. `fit` is `SparseFit` by default: one
    solution, whatever the rounding. `published()` descends as published, which oscillates.

    It is a statement on this image alone, and on the changes that were drawn. Read `fidelity`.

    Source: Sammani, Joukovsky and Deligiannis, Visualizing and Understanding Contrastive Learning,
    IEEE TIP 2023, arXiv 2206.09753. Sparse fit, labels within 0 and 1, and fidelity are ours.
    """

    name: ClassVar[str] = "pixel-invariance"

    samples: int = 500
    side: int = 32
    fit: SparseFit | DescentFit = field(default_factory=SparseFit)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 2 * _HELD_OUT or self.side < 1:
            raise UsageError(
                f"{self.samples} samples on {self.side} x {self.side} pixels; wanted at least "
                f"{2 * _HELD_OUT} samples and one pixel."
            )

    @classmethod
    def published(cls, *, has_parts: bool = False) -> "PixelInvariance":
        """The published constants; with parts, also labels of non-negative parts and 100 steps."""
        fit = DescentFit(steps=100, part_weight=1.0) if has_parts else DescentFit()
        return cls(samples=1000, side=64, fit=fit)

    @property
    def protocol(self) -> Protocol:
        """Which of the two the fit is."""
        return "published" if isinstance(self.fit, DescentFit) else "mended"

    def map(
        self, encoder: ImageEncoder, pixels: OnePixels, *, progress: Progress | None = None
    ) -> InvarianceMap:
        """The map of one image, as the model takes it; `progress` counts versions.

        Raises `DataError` with the code "non_finite" for NaN or infinity in the pixels or in what
        the model makes of them. The model is left as found.
        """
        space = PixelSpace.of(encoder)
        image = space.to_images(pixels[None].float())[0]
        fill = space.to_images(torch.zeros(1, 3, 1, 1)).flatten()
        views = aligned_views(image, count=self.samples, fill=fill, seed=self.seed)
        changed = map(space.to_input, views)
        return self.map_of(encoder, pixels, _batches(changed, self.samples, progress))

    def map_of(
        self, encoder: ImageEncoder, pixels: OnePixels, changed: Iterable[SomePixels]
    ) -> InvarianceMap:
        """The same with versions of one's own, in batches."""
        rows, found = [], []
        with inference(encoder.module):
            pure = encoder.embed(pixels[None])
            small = small_images(pixels[None].float().cpu(), self.side)
            for batch in changed:
                found.append(encoder.embed(batch))
                mixed = (small + small_images(batch.float().cpu(), self.side)) / 2
                rows.append(mixed.flatten(1))
            embeddings = torch.cat(found)
            similarities = cosines(pure.expand_as(embeddings), embeddings)
        # Tensors of inference mode may not take part in the descent.
        known = similarities.cpu().clone()
        if not (known.isfinite().all() and pixels.isfinite().all()):
            raise DataError(
                "non_finite",
                f"the image, or what {encoder.name} makes of it, has NaN or infinity. Leave it "
                "out, or try float32.",
            )
        return self._fitted(torch.cat(rows).clone(), known, embeddings.cpu().clone())

    def explain(
        self,
        encoder: ImageEncoder,
        images: Sequence[Image.Image],
        *,
        look: Look = "min-max",
        progress: Progress | None = None,
    ) -> list[Explanation]:
        """One explanation per image: its map, and how the similarities lie; score: their mean."""
        explanations = []
        for image in images:
            pixels = only_image(encoder, image)[0]
            found = self.map(encoder, pixels, progress=progress)
            explanations.append(self._told(encoder, found, look))
        return explanations

    def _fitted(
        self,
        rows: Float[Tensor, "samples inputs"],
        labels: Float[Tensor, " samples"],
        embeddings: Float[Tensor, "samples embed"],
    ) -> InvarianceMap:
        fitted = self._surrogate(rows, labels, embeddings)
        weights = fitted.weights.reshape(3, self.side, self.side)
        strongest = weights.amax(dim=0)
        fidelity = self._fidelity(rows, labels, embeddings)
        notes = tuple(_notes(fitted, labels, is_sparse=isinstance(self.fit, SparseFit)))
        return InvarianceMap(strongest, weights, labels, fidelity, notes)

    def _surrogate(self, rows: Tensor, labels: Tensor, embeddings: Tensor) -> Surrogate:
        if isinstance(self.fit, SparseFit):
            return sparsest(rows, labels, how=self.fit)
        second = None
        if self.fit.part_weight:
            second = part_labels(embeddings, components=self.fit.components, seed=self.seed)
        start = drawn_start(rows.shape[1], seed=self.seed)
        return descended(rows, labels, start, how=self.fit, second_labels=second)

    def _fidelity(self, rows: Tensor, labels: Tensor, embeddings: Tensor) -> float | None:
        """On each fifth sample, with a fit to the others."""
        held = torch.arange(len(rows)) % _HELD_OUT == _HELD_OUT - 1
        if held.sum() < 2:
            return None
        fitted = self._surrogate(rows[~held], labels[~held], embeddings[~held])
        both = np.stack([fitted.predict(rows[held]).numpy(), labels[held].numpy()])
        if (np.ptp(both, axis=1) < 1e-6).any():
            return None
        correlations = np.asarray(np.corrcoef(both.astype(np.float64)))
        return float(correlations[0, 1])

    def _told(self, encoder: ImageEncoder, found: InvarianceMap, look: Look) -> Explanation:
        heat = found.drawn(look).numpy()
        levels = torch.tensor([0.0, 0.5, 1.0])
        quantiles = found.similarities.double().quantile(levels.double()).numpy()
        parts = (
            Heatmap("Weight of a pixel in the similarity", heat, frame="input"),
            ConceptScores(
                title="Similarity of the image to its versions",
                names=("lowest", "median", "highest"),
                scores=quantiles,
                unit="similarity",
            ),
        )
        known = facts(self, encoder, found.notes)
        fidelity = "not defined" if found.fidelity is None else f"{found.fidelity:.3f}"
        return Explanation(
            "which pixels the similarity to changed versions of the image goes with",
            float(found.similarities.mean()),
            parts,
            known | {"fidelity": fidelity, "look": look, "protocol": self.protocol},
        )


def _batches(
    changed: Iterator[SomePixels], samples: int, progress: Progress | None
) -> Iterator[SomePixels]:
    waiting: list[SomePixels] = []
    for number, image in enumerate(changed, 1):
        waiting.append(image)
        if len(waiting) == _AT_ONCE or number == samples:
            yield torch.cat(waiting)
            waiting = []
        if progress is not None:
            progress(number, samples)


def _notes(
    fitted: Surrogate, labels: Float[Tensor, " samples"], *, is_sparse: bool
) -> Iterator[str]:
    if not fitted.weights.any():
        yield "The similarity is the same for all versions, or goes with no pixel: zeros."
    if is_sparse and labels.min() < 0:
        yield f"{int((labels < 0).sum())} similarities below zero counted as zero in the fit."
    if not fitted.is_solved:
        yield "The fit stopped at its last step before it was solved."
