"""What is lost of a similarity when a part of one view is hidden, window by window."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import OnePixels, Pixels
from seewhy.methods.pairs.method import (
    PairMaps,
    PairMethod,
    SecondPixels,
    cosines,
)
from seewhy.methods.pairs.variants import Precision, VariantEmbedder, variant_embedder
from seewhy.methods.pairs.windows import Fill, Grid, Rest, filling, grid
from seewhy.models.image_encoders import ImageEncoder

PUBLISHED_SIDE = 224
PUBLISHED_WINDOW = 64
PUBLISHED_STRIDE = 8

WindowValues = Float[Tensor, " windows"]
WindowEmbeddings = Float[Tensor, "windows embed"]
OneEmbedding = Float[Tensor, " embed"]


def drops(whole: OneEmbedding, hidden: WindowEmbeddings, other: OneEmbedding) -> WindowValues:
    """s(z, z') - s(z without the window, z'): positive where hiding the window costs similarity."""
    return cosines(whole[None], other[None]) - cosines(hidden, other[None].expand_as(hidden))


def likenesses(added: WindowEmbeddings, other: OneEmbedding) -> WindowValues:
    """s(added, z'), of what a window adds: z of the window alone - z without the window."""
    return cosines(added, other[None].expand_as(added))


@dataclass(frozen=True)
class _Occlusion(PairMethod):
    """A square window slides over one view after the other, the other view being whole.

    `window` and `stride` are in pixels; None means 64 and 8, and for "mended" these in proportion
    to the shorter side of the view, 224 being the published one. With "published", what strides
    do not reach at the right and the bottom is never hidden, and the grid of windows is drawn as
    if it shared out the whole input. By default a last window covers the rest, and cells lie
    where their windows are. `precision` and `batch` are those of `variant_embedder`.
    """

    window: int | None = None
    stride: int | None = None
    fill: Fill = "zero"
    precision: Precision = "float32"
    batch: int | None = None

    @abstractmethod
    def seen(
        self, embedder: VariantEmbedder, image: OnePixels, windows: Grid
    ) -> Float[Tensor, "_ _"]:
        """All embeddings of an image that its maps need, whatever the other view."""

    @abstractmethod
    def values(self, seen: Float[Tensor, "_ _"], other: OneEmbedding) -> WindowValues:
        """One value per window, from these embeddings and the other view's."""

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """Both views in turn; the embedding of the other one is made once.

        An image that stands in several pairs, as a query does, is occluded once.
        """
        grids = [self.grid(view) for view in (first, second)]
        with variant_embedder(encoder, precision=self.precision, batch=self.batch) as embedder:
            views = [view.to(embedder.device) for view in (first, second)]
            whole = [embedder.whole(view) for view in views]
            maps = [
                self._maps(embedder, view, others=others, windows=windows)
                for view, others, windows in zip(views, reversed(whole), grids, strict=True)
            ]
            similarity = cosines(*(_embeddings(encoder, view) for view in views)).cpu()
        is_placed = self.protocol == "mended"
        centres = [windows.centres if is_placed else None for windows in grids]
        return PairMaps(maps[0], maps[1], similarity, centres[0], centres[1])

    def grid(self, view: SecondPixels) -> Grid:
        """The windows over a view of this size; raises `UsageError` where none fits."""
        height, width = view.shape[2:]
        side = PUBLISHED_SIDE if self.protocol == "published" else min(height, width)
        window, stride = (
            max(round(published * side / PUBLISHED_SIDE), 1) if given is None else given
            for given, published in (
                (self.window, PUBLISHED_WINDOW),
                (self.stride, PUBLISHED_STRIDE),
            )
        )
        rest: Rest = "left" if self.protocol == "published" else "covered"
        return grid((height, width), window=window, stride=stride, rest=rest)

    def _maps(
        self, embedder: VariantEmbedder, view: Pixels, *, others: Tensor, windows: Grid
    ) -> Float[Tensor, "batch rows cols"]:
        values: dict[int, WindowValues] = {}
        for equal in _equal_images(view):
            seen = self.seen(embedder, view[equal[0]], windows)
            values |= {index: self.values(seen, others[index]) for index in equal}
        return windows.maps(torch.stack([values[index] for index in range(len(view))])).cpu()


@dataclass(frozen=True)
class ConditionalOcclusion(_Occlusion):
    """How much the similarity to the whole other view drops when a window is hidden.

    Positive where the window makes the views alike, negative where it makes them differ. Raw
    drops; the published code scales each map from 0 to 1 (`min_max`).

    Source: Sammani et al., Visualizing and Understanding Contrastive Learning, TIP 2023.
    """

    name: ClassVar[str] = "occlusion"

    def seen(
        self, embedder: VariantEmbedder, image: OnePixels, windows: Grid
    ) -> Float[Tensor, "_ _"]:
        """Of the whole image, and then one pass per window."""
        content = filling(image[None], self.fill, window=windows.window)[0]
        hidden = embedder.variants(image, content, windows.boxes)
        return torch.cat((embedder.whole(image[None]), hidden))

    def values(self, seen: Float[Tensor, "_ _"], other: OneEmbedding) -> WindowValues:
        """See `drops`."""
        return drops(seen[0], seen[1:], other)


@dataclass(frozen=True)
class ContextAgnosticOcclusion(_Occlusion):
    """How like the other view is what a window adds by itself: seen alone, less seen by all else.

    A cosine, -1 to 1. Twice the passes of `ConditionalOcclusion`. The published code scales each
    map from 0 to 1 (`min_max`).

    Source: the same authors' code, of the paper's first version.
    """

    name: ClassVar[str] = "context-agnostic-occlusion"

    def seen(
        self, embedder: VariantEmbedder, image: OnePixels, windows: Grid
    ) -> Float[Tensor, "_ _"]:
        """Two passes per window: of the window alone, and of all but the window."""
        content = filling(image[None], self.fill, window=windows.window)[0]
        kept = embedder.variants(content, image, windows.boxes)
        return kept - embedder.variants(image, content, windows.boxes)

    def values(self, seen: Float[Tensor, "_ _"], other: OneEmbedding) -> WindowValues:
        """See `likenesses`."""
        return likenesses(seen, other)


def _equal_images(view: Pixels) -> list[list[int]]:
    """Positions of images that are the same, as a query is against all that it found."""
    found: list[list[int]] = []
    for index, image in enumerate(view):
        same = next((each for each in found if torch.equal(view[each[0]], image)), None)
        if same is None:
            found.append([index])
        else:
            same.append(index)
    return found


def _embeddings(encoder: ImageEncoder, pixels: Pixels) -> Tensor:
    return torch.cat([encoder.embed(image[None]) for image in pixels])
