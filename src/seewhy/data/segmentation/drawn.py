"""Pictures of several things that are drawn when they are read, with the mask of each word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.claims import DIGIT, Claim, canonical_phrase
from seewhy.data.digits import CHANNELS, digit_indices, enlarge_glyph, load_digit_glyphs
from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    KINDS,
    DrawnScene,
    Scene,
    draw_scene,
    random_scene,
)
from seewhy.data.segmentation.records import ClassMasks, LabelledRecord, LabelledSource

SceneWords = Literal["colour", "kind", "colour and kind"]
DigitWords = Literal["value", "colour", "colour and value"]

SIDE = 64

_SCENES, _COLLAGES = 0x5CE0E, 0xC0114
_CELLS = 4
_COLLAGE_BACKGROUNDS = ("black", "grey")


@dataclass(frozen=True)
class DigitCollage:
    """Four handwritten digits, one in each quarter, row by row.

    `glyphs` are positions in `load_digit_glyphs`, `colours` names of `CHANNELS`.
    """

    glyphs: tuple[int, ...]
    colours: tuple[str, ...]
    background: str


Picture = Scene | DigitCollage


def drawn_scenes(
    count: int, words: SceneWords, *, seed: int, side: int = SIDE
) -> LabelledSource[ClassMasks]:
    """Scenes of two or three objects in handwriting that no recipe has trained on.

    The classes are phrases, such as "a photo of a red object"; objects of one phrase share a
    mask. Pictures depend on the seed and their number alone, not on `count` or `words`.
    """
    claims: Mapping[SceneWords, list[Claim]] = {
        "colour": [Claim(colour=colour) for colour in COLOURS],
        "kind": [Claim(kind=kind) for kind in KINDS],
        "colour and kind": [
            Claim(kind=kind, colour=colour) for colour in COLOURS for kind in KINDS
        ],
    }
    _check(count, words, tuple(claims))
    pictures = [_random_scene(seed, number) for number in range(count)]
    named = _Named("scene", f"drawn scenes, by {words}", seed, claims[words])
    return named.source(pictures, lambda picture: _scene_claims(picture, words), side=side)


def digit_collages(
    count: int, words: DigitWords, *, seed: int, side: int = SIDE
) -> LabelledSource[ClassMasks]:
    """Collages of four held-out handwritten digits, each of another colour, on black or grey.

    A pixel is on a digit where its ink is more than half. Classes, masks and chance are as in
    `drawn_scenes`; classes that name a colour and no value say "digit".
    """
    claims: Mapping[DigitWords, list[Claim]] = {
        "value": [Claim(kind=value) for value in DIGITS],
        "colour": [Claim(kind=DIGIT, colour=colour) for colour in CHANNELS],
        "colour and value": [
            Claim(kind=value, colour=colour) for colour in CHANNELS for value in DIGITS
        ],
    }
    _check(count, words, tuple(claims))
    pictures = [_random_collage(seed, number) for number in range(count)]
    named = _Named("collage", f"digit collages, by {words}", seed, claims[words])
    return named.source(pictures, lambda picture: _collage_claims(picture, words), side=side)


def draw_collage(collage: DigitCollage, side: int = SIDE) -> DrawnScene:
    """The picture and the mask of each digit; a sixteenth of a cell's side is left free around."""
    cell = side // 2
    margin = max(cell // 16, 1)
    glyphs, _ = load_digit_glyphs()
    canvas = np.broadcast_to(np.array(BACKGROUNDS[collage.background], np.float32), (side, side, 3))
    canvas = canvas.copy()
    masks = np.zeros((_CELLS, side, side), dtype=bool)
    for number, (glyph, colour) in enumerate(zip(collage.glyphs, collage.colours, strict=True)):
        down, across = (number // 2) * cell + margin, (number % 2) * cell + margin
        ink = enlarge_glyph(glyphs[glyph], cell - 2 * margin)
        place = (slice(down, down + len(ink)), slice(across, across + len(ink)))
        paint = 255 * np.array(CHANNELS[colour], dtype=np.float32)
        canvas[place] += ink[:, :, None] * (paint - canvas[place])
        masks[number][place] = ink > 0.5
    return DrawnScene(np.round(canvas).astype(np.uint8), masks)


def draw_picture(picture: Picture, side: int = SIDE) -> DrawnScene:
    """The picture, whichever it is, and the mask of each of its objects."""
    return draw_scene(picture, side) if isinstance(picture, Scene) else draw_collage(picture, side)


@dataclass(frozen=True)
class PictureReader:
    """Draws the picture."""

    picture: Picture
    side: int

    def __call__(self) -> Image.Image:
        """Draw it."""
        return draw_picture(self.picture, self.side).image


@dataclass(frozen=True)
class PictureTruth:
    """Draws the masks; `labels` are the classes of the objects."""

    picture: Picture
    side: int
    labels: tuple[int, ...]

    def __call__(self) -> ClassMasks:
        """One mask for each class that can be seen."""
        masks: dict[int, Bool[np.ndarray, "_ _"]] = {}
        drawn = draw_picture(self.picture, self.side)
        for label, mask in zip(self.labels, drawn.masks, strict=True):
            if mask.any():
                masks[label] = masks[label] | mask if label in masks else mask
        return ClassMasks((self.side, self.side), masks)


@dataclass(frozen=True)
class _Named:
    """What records and source are called, and the classes."""

    prefix: str
    name: str
    seed: int
    claims: Sequence[Claim]

    def source(
        self,
        pictures: Sequence[Picture],
        claims_of: Callable[[Picture], Sequence[Claim]],
        *,
        side: int,
    ) -> LabelledSource[ClassMasks]:
        names = tuple(canonical_phrase(claim) for claim in self.claims)
        positions = {claim: number for number, claim in enumerate(self.claims)}
        records = tuple(
            LabelledRecord(
                f"{self.prefix}-{self.seed}-{number:05d}",
                PictureReader(picture, side),
                PictureTruth(picture, side, tuple(positions[each] for each in claims_of(picture))),
                names,
            )
            for number, picture in enumerate(pictures)
        )
        return LabelledSource(self.name, names, records)


def _random_scene(seed: int, number: int) -> Scene:
    generator = np.random.default_rng([seed, _SCENES, number])
    return random_scene(generator, objects=int(generator.integers(2, 4)), split="held-out")


def _random_collage(seed: int, number: int) -> DigitCollage:
    generator = np.random.default_rng([seed, _COLLAGES, number])
    glyphs = generator.choice(digit_indices("held-out"), _CELLS, replace=False)
    colours = generator.choice(list(CHANNELS), _CELLS, replace=False)
    return DigitCollage(
        tuple(int(glyph) for glyph in glyphs),
        tuple(str(colour) for colour in colours),
        str(generator.choice(_COLLAGE_BACKGROUNDS)),
    )


def _scene_claims(picture: Picture, words: SceneWords) -> list[Claim]:
    objects = picture.objects if isinstance(picture, Scene) else ()
    match words:
        case "colour":
            return [Claim(colour=each.colour) for each in objects]
        case "kind":
            return [Claim(kind=each.kind) for each in objects]
        case _:
            return [Claim(kind=each.kind, colour=each.colour) for each in objects]


def _collage_claims(picture: Picture, words: DigitWords) -> list[Claim]:
    if isinstance(picture, Scene):
        return []
    _, values = load_digit_glyphs()
    digits = [str(values[glyph]) for glyph in picture.glyphs]
    match words:
        case "colour":
            return [Claim(kind=DIGIT, colour=colour) for colour in picture.colours]
        case "value":
            return [Claim(kind=value) for value in digits]
        case _:
            pairs = zip(digits, picture.colours, strict=True)
            return [Claim(kind=value, colour=colour) for value, colour in pairs]


def _check(count: int, words: str, known: tuple[str, ...]) -> None:
    if words not in known:
        raise UsageError(f"no words {words!r}; there are {', '.join(map(repr, known))}.")
    if count < 1:
        raise UsageError(f"{count} pictures were asked for; at least 1 is needed.")
