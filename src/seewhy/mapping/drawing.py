"""Maps over patches, drawn over the image at the size of a picture and put into figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.text_maps.method import TextMapMethod, View
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.placed_maps import over_image, over_input
from seewhy.models.preprocessing import Placement, Preprocessing
from seewhy.report.grids import ColourBar
from seewhy.results.explanation import Explanation
from seewhy.results.overlay import Look, overlay
from seewhy.results.parts import ConceptScores, Frame, Heatmap, Part
from seewhy.results.storage import MAX_FILE_BYTES
from seewhy.results.text import number_text

_GREY = 128

Grid = Float[np.ndarray, "rows cols"]


@dataclass(frozen=True, eq=False)
class Looked:
    """What one method made of one image: a map over the patches and a cosine for each text.

    A map that no gradient reaches is NaN.
    """

    method: str
    texts: tuple[str, ...]
    maps: Float[np.ndarray, "texts rows cols"]
    whole: Float[np.ndarray, " texts"]
    placement: Placement

    @property
    def scale(self) -> float:
        """The largest absolute value over all texts, so that their pictures compare."""
        return float(np.abs(np.nan_to_num(self.maps)).max())

    def ends(self, text: int) -> tuple[float, float] | None:
        """The lowest and the highest value of a map; none if it is not defined."""
        values = self.maps[text]
        return None if np.isnan(values).any() else (float(values.min()), float(values.max()))

    def values(self, text: int, size: tuple[int, int]) -> Grid:
        """One map over the image at a size of (width, height)."""
        placement = replace(self.placement, image=(size[1], size[0]))
        return over_image(torch.from_numpy(self.maps[text].copy()), placement).numpy()

    def place(self, text: int) -> tuple[int, int] | None:
        """The pixel (x, y) under the centre of the highest patch; none if there is no highest."""
        values, ends = self.maps[text], self.ends(text)
        if ends is None or ends[0] == ends[1]:
            return None
        patch = np.unravel_index(int(values.argmax()), values.shape)
        y, x = (
            self._pixel(axis, (int(cell) + 0.5) / values.shape[axis])
            for axis, cell in enumerate(patch)
        )
        return x, y

    def _pixel(self, axis: int, share: float) -> int:
        """The pixel of the image at a share of the input's length along an axis."""
        placement = self.placement
        inside = placement.corner[axis] + share * placement.window[axis]
        pixel = inside * placement.image[axis] / placement.resized[axis]
        return int(np.clip(pixel, 0, placement.image[axis] - 1))


def looked(
    explanation: Explanation,
    method: TextMapMethod,
    encoder: OpenClipEncoder,
    *,
    size: tuple[int, int],
) -> Looked:
    """The maps and cosines in an explanation over the grid, of an image of (width, height)."""
    heatmaps = [part for part in explanation.parts if isinstance(part, Heatmap)]
    (scores,) = (part for part in explanation.parts if isinstance(part, ConceptScores))
    return Looked(
        method.name,
        tuple(part.title for part in heatmaps),
        np.stack([part.values for part in heatmaps]),
        scores.scores,
        placement_of(method.view, encoder, size=size),
    )


def placement_of(view: View, encoder: OpenClipEncoder, *, size: tuple[int, int]) -> Placement:
    """Where the encoder's input lies in an image of (width, height)."""
    preprocessing = view.framing.preprocessing(encoder)
    if not isinstance(preprocessing, Preprocessing):
        raise UsageError(
            f"{encoder.name} has a preprocessing of its own, so where its input lies in the image "
            "is unknown. Load the encoder with `seewhy.load_model`."
        )
    return preprocessing.placement(size)


def framed(explanation: Explanation, found: Looked, frame: Frame) -> Explanation:
    """The explanation with its maps in a frame; raises `DataError` for more than can be stored."""
    if frame == "grid":
        return explanation
    placement = found.placement
    height, width = placement.window if frame == "input" else placement.image
    needed = found.maps.itemsize * len(found.texts) * height * width
    if needed >= MAX_FILE_BYTES:
        raise DataError(
            "too_large",
            f"{len(found.texts)} maps of {height} x {width} pixels are {needed:,} bytes; at most "
            f"{MAX_FILE_BYTES:,} are stored in a file. Ask for the frame 'grid'.",
        )
    parts = tuple(_framed(part, placement, frame) for part in explanation.parts)
    return replace(explanation, parts=parts)


def _framed(part: Part, placement: Placement, frame: Frame) -> Part:
    if not isinstance(part, Heatmap):
        return part
    maps = torch.from_numpy(part.values.copy())
    drawn = over_input(maps, placement.window) if frame == "input" else over_image(maps, placement)
    return replace(part, values=drawn.numpy(), frame=frame)


def positive_share(values: Grid) -> float | None:
    """The share of the known values above zero."""
    known = values[~np.isnan(values)]
    return float((known > 0).mean()) if known.size else None


def range_text(ends: tuple[float, float] | None) -> str:
    """What a map's values lie between, in words; a map without values has no gradient."""
    if ends is None:
        return "no gradient, so no map"
    low, high = map(number_text, ends)
    return f"from {low} to {high}"


def texts_shown(texts: Sequence[str], most: int) -> str:
    """How many of the texts a figure has room for, in words; nothing when for all."""
    return f"the first {most} of {len(texts)} texts" if len(texts) > most else ""


def colour_bar(low: float, high: float, *, look: Look = "signed") -> ColourBar:
    """The colours from end to end of what they can say, as they come out on grey."""
    strip = np.full((1, 256, 3), _GREY, dtype=np.uint8)
    values = np.linspace(low, high, 256)[None]
    return ColourBar(overlay(strip, values, look=look, scale=high), low, high)
