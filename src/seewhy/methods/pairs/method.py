"""What all explanations of a similarity share: their maps, where these lie, and their checks."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.models.image_encoders import ImageEncoder

Protocol = Literal["published", "mended"]
"""As the published code does it, or with its known faults mended."""

SecondPixels = Float[Tensor, "_ 3 _ _"]
"""The second views of pairs: as many as the first ones, each of any size of its own."""

Size = tuple[int, int]
"""Height and width in pixels."""

EQUAL = 1e-6
"""Below this distance of a cosine from 1 the embeddings of a pair count as the same."""

_EPSILON = 1e-8
_NUMBERED = re.compile(r"Pair (\d+)[:,] ")


@dataclass(frozen=True)
class Centres:
    """Where the rows and the columns of a grid have their centres, in pixels, rising.

    They are counted from the upper left corner of the input, so that the first pixel's own centre
    lies at 0.5. Beyond the outermost centres a map stays as it is there.
    """

    rows: tuple[float, ...]
    cols: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class PairMaps:
    """One map per view of each pair, signed and as computed: scaling is a step of its own.

    `first` and `second` lie on the CPU, on any grid. Where `first_centres` is None, the cells of
    the grid share the input out evenly, as pixels or patches do; otherwise they lie where it says,
    as the windows of an occlusion do. `similarity` is the cosine of the embeddings of the two
    whole views. `notes` are what a reader of these very maps should know, pairs counted from 0.
    """

    first: Float[Tensor, "batch rows cols"]
    second: Float[Tensor, "batch rows2 cols2"]
    similarity: Float[Tensor, " batch"]
    first_centres: Centres | None = None
    second_centres: Centres | None = None
    notes: tuple[str, ...] = ()

    def notes_of(self, pair: int) -> tuple[str, ...]:
        """What a reader of one pair's maps should know, without the number of the pair."""
        found = ((note, _NUMBERED.match(note)) for note in self.notes)
        return tuple(
            note if match is None else note[match.end()].upper() + note[match.end() + 1 :]
            for note, match in found
            if match is None or int(match[1]) == pair
        )

    def at_pixels(self, first: Size, second: Size) -> "PairMaps":
        """The same over the pixels of inputs of these heights and widths, bilinear."""
        return replace(
            self,
            first=over_pixels(self.first, first, centres=self.first_centres),
            second=over_pixels(self.second, second, centres=self.second_centres),
            first_centres=None,
            second_centres=None,
        )


@dataclass(frozen=True)
class PairMethod(ABC):
    """Two maps for a pair of images, one in each, by any way of making them.

    A view may be of another size than the other. With `protocol` "published" the numbers are those
    of the published code; each method says what it does otherwise by default. `caution` is what a
    reader of any of its maps should know. With `needs_maps` an encoder without a site is refused.
    """

    caution: ClassVar[tuple[str, ...]] = ()
    needs_maps: ClassVar[bool] = False

    protocol: Protocol = field(default="mended", kw_only=True)

    @property
    @abstractmethod
    def name(self) -> str:
        """What the method is called in the catalogue."""

    @abstractmethod
    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """What `maps` gives, of views that have been checked; leaves the model as found."""

    def maps(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """Maps of pair after pair: image i of `first` with image i of `second`.

        Whatever the batch, the same: pairs do not see each other. A map that is the same
        everywhere is noted. Raises `UsageError` for views that do not pair up or that the method
        cannot take, `DataError` with the code "non_finite" for NaN or infinity in the pixels or in
        what the model makes of them. The model is left as found.
        """
        check_views(first, second)
        found = self.compute(encoder, first, second)
        for values in (found.first, found.second, found.similarity):
            if not values.isfinite().all():
                raise DataError(
                    "non_finite",
                    f"{self.name} with {encoder.name} gives NaN or infinity. Look for weights that "
                    "overflow, and try float32.",
                )
        return replace(found, notes=(*found.notes, *_flat_maps(found)))


def check_views(first: Pixels, second: SecondPixels) -> None:
    """Raise for views that do not make pairs, and for pixels that are not finite."""
    if len(first) != len(second) or len(first) == 0:
        raise UsageError(
            f"{len(first)} first views and {len(second)} second views; wanted as many of both, and "
            "at least one."
        )
    for which, pixels in (("first", first), ("second", second)):
        bad = ~pixels.isfinite().flatten(1).all(dim=1)
        if bad.any():
            index = int(bad.nonzero()[0])
            raise DataError(
                "non_finite",
                f"the {which} view of pair {index} has NaN or infinite pixels. Leave it out, or "
                "mend its preprocessing.",
            )


def cosines(
    first: Float[Tensor, "*batch embed"], second: Float[Tensor, "*batch embed"]
) -> Float[Tensor, "*batch"]:
    """Similarities of embeddings of any length, -1 to 1; 0 with an embedding of zeros.

    Lengths below 1e-8 count as 1e-8, as published.
    """
    return functional.cosine_similarity(first, second, dim=-1, eps=_EPSILON)


def over_pixels(
    maps: Float[Tensor, "batch _ _"], size: Size, *, centres: Centres | None = None
) -> Float[Tensor, "batch height width"]:
    """Bilinear between the centres of the cells, constant beyond the outermost ones.

    Without `centres` the cells share the input out evenly, which is torch's bilinear resizing
    with `align_corners` false.
    """
    if centres is None:
        shown = functional.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
        return shown[:, 0]
    down, across = (_tents(at, length) for at, length in zip(_axes(centres), size, strict=True))
    return torch.einsum("hr,brc,wc->bhw", down.to(maps), maps, across.to(maps))


def _axes(centres: Centres) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return centres.rows, centres.cols


def _tents(centres: tuple[float, ...], length: int) -> Float[Tensor, "pixels cells"]:
    """How much of each cell a pixel shows; rows sum to 1."""
    at = torch.tensor(centres, dtype=torch.float64)
    pixels = (torch.arange(length, dtype=torch.float64) + 0.5).clamp(at[0], at[-1])
    upper = torch.searchsorted(at, pixels).clamp(1, max(len(at) - 1, 1))
    if len(at) == 1:
        return torch.ones(length, 1, dtype=torch.float64)
    share = (pixels - at[upper - 1]) / (at[upper] - at[upper - 1])
    weights = torch.zeros(length, len(at), dtype=torch.float64)
    weights.scatter_(1, upper[:, None], share[:, None])
    return weights.scatter_(1, upper[:, None] - 1, 1 - share[:, None])


def min_max(maps: Float[Tensor, "batch rows cols"]) -> Float[Tensor, "batch rows cols"]:
    """Each map from 0 to 1; one that is the same everywhere is all zeros."""
    low = maps.amin(dim=(-2, -1), keepdim=True)
    spread = maps.amax(dim=(-2, -1), keepdim=True) - low
    return (maps - low) / torch.where(spread > 0, spread, 1.0)


def by_maximum(maps: Float[Tensor, "batch rows cols"]) -> Float[Tensor, "batch rows cols"]:
    """Each map divided by its maximum and 1e-9, as published for pairwise occlusion."""
    return maps / (maps.amax(dim=(-2, -1), keepdim=True) + 1e-9)


def without_noise(found: PairMaps) -> PairMaps:
    """Zeros, and a note, for pairs of equal embeddings: there a gradient is rounding alone."""
    equal = 1 - found.similarity <= EQUAL
    kept = (~equal).to(found.first)[:, None, None]
    notes = (
        f"Pair {index}: both views have the same embedding, where the similarity has no slope."
        for index in equal.nonzero()[:, 0].tolist()
    )
    return replace(
        found, first=found.first * kept, second=found.second * kept, notes=(*found.notes, *notes)
    )


def _flat_maps(found: PairMaps) -> Iterator[str]:
    for which, maps in (("first", found.first), ("second", found.second)):
        flat = maps.amax(dim=(-2, -1)) == maps.amin(dim=(-2, -1))
        for index in flat.nonzero()[:, 0].tolist():
            yield f"Pair {index}, {which} view: the map is the same everywhere and points nowhere."
