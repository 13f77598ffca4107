"""What is lost of a similarity when both views are hidden in part at once, at random."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seewhy.base.axes import OnePixels, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels, Size, cosines
from seewhy.methods.pairs.variants import Precision, VariantEmbedder, variant_embedder
from seewhy.methods.pairs.windows import Fill, filling
from seewhy.models.image_encoders import ImageEncoder
from seewhy.taps.regions import Box

Draws = Float[Tensor, " draws"]
OneSecond = Float[Tensor, "3 _ _"]
_TRIES = 10


def random_box(
    size: Size,
    generator: torch.Generator,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Box:
    """A rectangle smaller than the input: share of its area, and height by width.

    The share is uniform in `scale`, the logarithm of the ratio uniform in its bounds. After ten
    rectangles that are too large it is empty. With torch's own generator these are the draws of
    torchvision's RandomErasing.
    """
    height, width = size
    for _ in range(_TRIES):
        area = height * width * float(torch.empty(1).uniform_(*scale, generator=generator))
        bounds = (math.log(ratio[0]), math.log(ratio[1]))
        aspect = math.exp(float(torch.empty(1).uniform_(*bounds, generator=generator)))
        high, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if high < height and wide < width:
            top = int(torch.randint(0, height - high + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - wide + 1, (1,), generator=generator))
            return Box(top, left, top + high, left + wide)
    return Box(0, 0, 0, 0)


def covered(boxes: Sequence[Box], size: Size) -> Bool[Tensor, "draws height width"]:
    """Which pixels each rectangle hides."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, box in zip(masks, boxes, strict=True):
        mask[box.slices] = True
    return masks


def gathered(
    hidden: Bool[Tensor, "draws height width"], weights: Draws
) -> Float[Tensor, "height width"]:
    """Sum of the weights of the draws that hid a pixel."""
    return torch.einsum("nhw,n->hw", hidden.to(weights), weights)


def per_visit(
    gathered: Float[Tensor, "height width"], hidden: Bool[Tensor, "draws height width"]
) -> Float[Tensor, "height width"]:
    """Divided by how many draws hid the pixel; 0 where none did."""
    return gathered / hidden.sum(dim=0).clamp(min=1)


@dataclass(frozen=True, eq=False)
class Shares:
    """What each draw adds to the maps of both views."""

    first: Draws
    second: Draws


def shares(dropped: Draws, lengths: Float[Tensor, "2 draws"], *, temperature: float) -> Shares:
    """Softmax of the drops over the draws; each goes to the view whose embedding is the shorter.

    A draw that leaves both embeddings equally long goes to the second view.
    """
    weights = torch.softmax(dropped / temperature, dim=0)
    is_first = lengths[0] < lengths[1]
    return Shares(weights * is_first, weights * ~is_first)


@dataclass(frozen=True)
class PairwiseOcclusion(PairMethod):
    """Which parts of both views together, when hidden, cost the similarity most; never negative.

    `draws` random rectangles in either view, of a share `scale` of its area and a height by width
    of `ratio`, are hidden at once; the pair's drop in similarity becomes a weight by softmax over
    the draws, which goes to what was hidden in one of the views (`shares`). Draws come from
    `seed`, the same ones for every pair of views of equal sizes.

    "published" differs in four things. It takes pixels whose channels sum to 0 for hidden, so that
    black ones collect the weight of every draw; here the rectangles count. Its softmax has a
    temperature of 1, against drops far below 1, so that all draws weigh nearly the same;
    here it is the drops' own deviation. It compares lengths as they are, so that a view with long
    embeddings may get no draw at all; here each is relative to the whole view's. And it sums, so
    that the middle, which more rectangles reach, gets more than the border; here a pixel's sum is
    divided by the draws that hid it. The published code divides each map by its maximum
    (`by_maximum`).

    Source: Sammani et al., TIP 2023.
    """

    name: ClassVar[str] = "pairwise-occlusion"

    draws: int = 100
    scale: tuple[float, float] = (0.1, 0.3)
    ratio: tuple[float, float] = (1.0, 1.5)
    fill: Fill = "zero"
    seed: int = 0
    precision: Precision = "float32"
    batch: int | None = None

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """One pass per draw and view."""
        self._check()
        boxes = self.boxes(_size(first), _size(second))
        found: list[tuple[Tensor, Tensor]] = []
        similarity: list[Tensor] = []
        with variant_embedder(encoder, precision=self.precision, batch=self.batch) as embedder:
            for views in zip(first, second, strict=True):
                pair = tuple(view.to(embedder.device) for view in views)
                found.append(self._maps(embedder, (pair[0], pair[1]), boxes=boxes))
                similarity.append(cosines(*(encoder.embed(view[None]) for view in pair)).cpu())
        firsts, seconds = (torch.stack(each) for each in zip(*found, strict=True))
        return PairMaps(firsts, seconds, torch.cat(similarity))

    def boxes(self, first: Size, second: Size) -> tuple[list[Box], list[Box]]:
        """The rectangles of both views, drawn by turns."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = [
            random_box(size, generator, scale=self.scale, ratio=self.ratio)
            for _ in range(self.draws)
            for size in (first, second)
        ]
        return drawn[::2], drawn[1::2]

    def _maps(
        self,
        embedder: VariantEmbedder,
        views: tuple[OnePixels, OneSecond],
        *,
        boxes: tuple[list[Box], list[Box]],
    ) -> tuple[Tensor, Tensor]:
        whole = [embedder.whole(view[None]) for view in views]
        fills = [
            filling(view[None], self.fill, window=_side(each))
            for view, each in zip(views, boxes, strict=True)
        ]
        embeddings = [
            embedder.variants(view, content[0], each)
            for view, content, each in zip(views, fills, boxes, strict=True)
        ]
        dropped = (cosines(*whole) - cosines(*embeddings)).cpu()
        lengths = torch.stack(
            [
                (each.norm(dim=1) / self._unit(own)).cpu()
                for each, own in zip(embeddings, whole, strict=True)
            ]
        )
        weights = shares(dropped, lengths, temperature=self._temperature(dropped))
        hidden = [
            self._hidden(view, content[0], each)
            for view, content, each in zip(views, fills, boxes, strict=True)
        ]
        return self._map(hidden[0], weights.first), self._map(hidden[1], weights.second)

    def _map(self, hidden: Tensor, weights: Draws) -> Tensor:
        found = gathered(hidden, weights)
        return found if self.protocol == "published" else per_visit(found, hidden)

    def _hidden(self, view: OneSecond, content: OneSecond, boxes: list[Box]) -> Tensor:
        hidden = covered(boxes, (view.shape[1], view.shape[2]))
        if self.protocol == "mended":
            return hidden
        is_zero = [(pixels.sum(dim=0) == 0).cpu() for pixels in (view, content)]
        return torch.where(hidden, is_zero[1], is_zero[0])

    def _unit(self, whole: Tensor) -> float:
        return 1.0 if self.protocol == "published" else float(whole.norm().clamp(min=1e-8))

    def _temperature(self, dropped: Draws) -> float:
        if self.protocol == "published":
            return 1.0
        return float(dropped.std(correction=0).clamp(min=1e-6))

    def _check(self) -> None:
        if self.draws < 1:
            raise UsageError(f"{self.draws} draws were asked for; wanted at least 1.")
        if not 0 < self.scale[0] <= self.scale[1] < 1 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise UsageError(
                f"scale {self.scale} and ratio {self.ratio} are no bounds of rectangles. Shares of "
                "the area lie between 0 and 1, ratios above 0, the lower bound first."
            )


def _size(pixels: SecondPixels) -> Size:
    return pixels.shape[2], pixels.shape[3]


def _side(boxes: Sequence[Box]) -> int:
    """Of a square of the mean area of the boxes."""
    return max(round(math.sqrt(sum(box.area for box in boxes) / len(boxes))), 1)
