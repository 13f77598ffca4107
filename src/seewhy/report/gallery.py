"""Which images a page has room for, and their pictures made small."""

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from PIL import Image

THUMBNAIL_SIDE = 176
Palette = Literal["few", "marked"]
"""Few colours, or so many that thin lines over a picture keep theirs."""

_COLOURS = {"few": 64, "marked": 256}
_QUANTIZE = {"few": Image.Quantize.MEDIANCUT, "marked": Image.Quantize.FASTOCTREE}


@runtime_checkable
class Weighed(Protocol):
    """What takes room on a page."""

    @property
    def weight(self) -> int:
        """Characters of pictures."""
        ...


Card = TypeVar("Card", bound=Weighed)


def chosen_cards(
    images: Sequence[str], card: Callable[[str], Card | None], *, budget: int, most: int
) -> list[Card]:
    """Cards of images that lie evenly among all, in their order, as many as the budget holds."""
    cards: dict[int, Card] = {}
    for position in spread(len(images)):
        found = card(images[position])
        budget -= found.weight if found else 0
        if len(cards) >= most or (budget < 0 and cards):
            break
        if found is not None:
            cards[position] = found
    return [cards[position] for position in sorted(cards)]


def spread(count: int) -> Iterator[int]:
    """All positions below a count, in an order of which every beginning is spread evenly.

    >>> list(spread(5))
    [0, 4, 2, 1, 3]
    """
    digits = max(count - 1, 0).bit_length()
    for number in range(1 << digits):
        position = int(f"{number:0{digits}b}"[::-1], 2) if digits else 0
        if position < count:
            yield position


def thumbnail_uri(path: Path, *, side: int = THUMBNAIL_SIDE, palette: Palette = "few") -> str:
    """A stored PNG made small, as the address of itself."""
    with Image.open(path, formats=["PNG"]) as image:
        return small_uri(image, side=side, palette=palette)


def small_uri(image: Image.Image, *, side: int = THUMBNAIL_SIDE, palette: Palette = "few") -> str:
    """A small PNG of few colours as the address of itself."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.quantize(_COLOURS[palette], _QUANTIZE[palette]).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
