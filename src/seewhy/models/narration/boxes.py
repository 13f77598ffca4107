"""Which tokens of a row stand for which object of the image, and the numbers of its box."""

import re
from collections.abc import Iterator, Sequence

from seewhy.data.narration.records import Box, Regions
from seewhy.models.narration.tokens import SPACE, NarrationTokenizer

BoxNumbers = tuple[float, float, float, float, float, float, float, float]
"""Left, top, right, bottom, centre and size of a box, as fractions of the image's sides."""

NO_BOX: BoxNumbers = (0.0,) * 8
MOST_OBJECT_TOKENS = 20

_REFERENCE = re.compile(r"([^\W\d]+)(\d+)")


def box_numbers(box: Box, *, width: int, height: int) -> BoxNumbers:
    """The eight numbers; the size counts both edge pixels, so a box of one column is 1 / width."""
    x1, y1, x2, y2, _ = box
    return (
        x1 / width,
        y1 / height,
        x2 / width,
        y2 / height,
        (x1 + x2) / (2 * width),
        (y1 + y2) / (2 * height),
        (x2 - x1 + 1) / width,
        (y2 - y1 + 1) / height,
    )


def region_boxes(regions: Regions) -> list[BoxNumbers]:
    """The eight numbers of each object."""
    return [box_numbers(box, width=regions.width, height=regions.height) for box in regions.boxes]


def object_tokens(
    regions: Regions, tokenizer: NarrationTokenizer, *, splits: bool
) -> tuple[list[str], list[int]]:
    """The tokens of the names, at most 20, and the number of the object of each.

    `splits` cuts in the middle of a name, as published; else the last object is left out whole.
    """
    tokens: list[str] = []
    numbers: list[int] = []
    for number, name in enumerate(regions.objects):
        pieces = tokenizer.tokens(f" {name}")
        if not splits and len(tokens) + len(pieces) > MOST_OBJECT_TOKENS:
            break
        tokens += pieces
        numbers += [number] * len(pieces)
    return tokens[:MOST_OBJECT_TOKENS], numbers[:MOST_OBJECT_TOKENS]


def published_references(tokens: Sequence[str], regions: Regions) -> dict[int, int]:
    """Places of a question to object numbers: any token of digits alone that is small enough.

    The published rule fails at a larger number; here such a token refers to nothing.
    """
    numbers = {place: int(token) for place, token in enumerate(tokens) if token.isdecimal()}
    return {place: k for place, k in numbers.items() if k < len(regions.objects)}


def mended_references(tokens: Sequence[str], regions: Regions) -> dict[int, int]:
    """Places of a question to object numbers: digits behind the name of just that object."""
    found: dict[int, int] = {}
    for places in _words(tokens):
        pieces = [tokens[place].removeprefix(SPACE) for place in places]
        match = _REFERENCE.match("".join(pieces))
        if match is None or match[2] not in _numbers_of(match[1], regions):
            continue
        digits = [place for place, piece in zip(places, pieces, strict=True) if piece.isdecimal()]
        found |= dict.fromkeys(digits or places, int(match[2]))
    return found


def _numbers_of(name: str, regions: Regions) -> set[str]:
    return {str(number) for number, each in enumerate(regions.objects) if each == name}


def _words(tokens: Sequence[str]) -> Iterator[list[int]]:
    """The places of the pieces of each word."""
    word: list[int] = []
    for place, token in enumerate(tokens):
        if token.startswith(SPACE) and word:
            yield word
            word = []
        word.append(place)
    if word:
        yield word
