"""Pairs of drawn pictures that have exactly one object in common, and where it is in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.digits import CHANNELS, Split, digit_indices, load_digit_glyphs
from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    KINDS,
    MARKS,
    SHAPES,
    TEXTURES,
    DrawnScene,
    Scene,
    SceneObject,
    random_object,
)
from seewhy.data.segmentation.drawn import SIDE, DigitCollage, Picture, draw_picture

_SCENES, _COLLAGES = 0x9A125, 0x9A12D
_RADIUS_SCATTER = 0.05

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class DrawnPair:
    """Two pictures and, in each, the pixels of the object that they share."""

    first: DrawnScene
    second: DrawnScene
    places: tuple[int, int]

    @property
    def images(self) -> tuple[Image.Image, Image.Image]:
        """Both as PIL images, mode RGB."""
        return self.first.image, self.second.image

    @property
    def masks(self) -> tuple[Bool[np.ndarray, "_ _"], Bool[np.ndarray, "_ _"]]:
        """Where the shared object can be seen."""
        return self.first.masks[self.places[0]], self.second.masks[self.places[1]]


@dataclass(frozen=True)
class PlantedPair:
    """Two pictures; `places` are the positions of the shared object among the objects of each."""

    id: str
    first: Picture
    second: Picture
    places: tuple[int, int]

    def draw(self, side: int = SIDE) -> DrawnPair:
        """Both at `side` pixels."""
        return DrawnPair(
            draw_picture(self.first, side), draw_picture(self.second, side), self.places
        )


def scene_pairs(
    count: int, *, seed: int = 0, split: Split = "held-out", tint: float = 0.15
) -> tuple[PlantedPair, ...]:
    """Pairs of scenes of two or three objects, one of which is in both.

    It has the same kind, colour and texture and, for a digit, the same handwriting; its radius
    scatters by 5 %, its angle is drawn anew, and it lies in another quarter. No other kind or
    colour occurs in both scenes, nor does any other texture, that of the background included;
    marks differ too. A pair depends on the seed and its number alone.
    """
    _check(count)
    return tuple(_scene_pair(seed, number, split, tint) for number in range(count))


def digit_pairs(count: int, *, seed: int = 0, split: Split = "held-out") -> tuple[PlantedPair, ...]:
    """Pairs of collages of four digits that share one, in the same handwriting and colour.

    It lies in another quarter; no other value or colour occurs in both, and one background is
    black, the other grey. A pair depends on the seed and its number alone.
    """
    _check(count)
    return tuple(_digit_pair(seed, number, split) for number in range(count))


@dataclass(frozen=True)
class _Palette:
    """What the objects and the background of one scene are made of, beside the shared object."""

    kinds: tuple[str, ...]
    colours: tuple[str, ...]
    textures: tuple[str, ...]
    background: str
    mark: str


def _scene_pair(seed: int, number: int, split: Split, tint: float) -> PlantedPair:
    generator = np.random.default_rng([seed, _SCENES, number])
    colours = generator.permutation(list(COLOURS)).tolist()
    corners = generator.permutation(4)[:2].tolist()
    shared = random_object(generator, colour=colours[0], corner=corners[0], split=split)
    palettes = _palettes(shared, colours[1:], generator)
    moved = _moved(shared, corners[1], generator)
    rest = [
        _others(palette, corner, split=split, generator=generator)
        for palette, corner in zip(palettes, corners, strict=True)
    ]
    places = (int(generator.integers(len(rest[0]) + 1)), int(generator.integers(len(rest[1]) + 1)))
    first, second = (
        Scene(
            objects=(*others[:place], item, *others[place:]),
            background_colour=palette.background,
            background_texture=str(generator.choice(palette.textures)),
            mark=palette.mark,
            tint=tint,
            seed=int(generator.integers(2**32)),
        )
        for item, others, place, palette in zip(
            (shared, moved), rest, places, palettes, strict=True
        )
    )
    return PlantedPair(f"scene-pair-{seed}-{number:05d}", first, second, places)


def _palettes(
    shared: SceneObject, colours: Sequence[str], generator: np.random.Generator
) -> list[_Palette]:
    """Nothing in one is in the other, and neither has anything of the shared object."""
    textures = _shuffled([each for each in TEXTURES if each != shared.texture], generator)
    cut = int(generator.integers(1, 3))
    neutral = [name for name in BACKGROUNDS if name not in COLOURS]
    behind = _shuffled([*colours[4:], *neutral], generator)
    marks = _shuffled(MARKS, generator)
    taken = {shared.kind}
    palettes = []
    for place, half in enumerate((textures[:cut], textures[cut:])):
        pool = [kind for kind in (KINDS if "plain" in half else SHAPES) if kind not in taken]
        kinds = _shuffled(pool, generator)[:2]
        taken.update(kinds)
        inks = tuple(colours[2 * place : 2 * place + 2])
        palettes.append(_Palette(kinds, inks, half, behind[place], marks[place]))
    return palettes


def _others(
    palette: _Palette, corner: int, *, split: Split, generator: np.random.Generator
) -> list[SceneObject]:
    """One or two more objects in other quarters than `corner`."""
    free = _shuffled([place for place in range(4) if place != corner], generator)
    count = int(generator.integers(1, 3))
    items = []
    for kind, colour, place in zip(palette.kinds[:count], palette.colours, free, strict=False):
        item = random_object(generator, colour=colour, corner=place, kind=kind, split=split)
        is_digit = kind in DIGITS
        texture = "plain" if is_digit else str(generator.choice(palette.textures))
        items.append(replace(item, texture=texture))
    return items


def _moved(item: SceneObject, corner: int, generator: np.random.Generator) -> SceneObject:
    placed = random_object(generator, colour=item.colour, corner=corner, kind="circle")
    scatter = generator.uniform(1 - _RADIUS_SCATTER, 1 + _RADIUS_SCATTER)
    return replace(
        item, centre=placed.centre, angle=placed.angle, radius=float(item.radius * scatter)
    )


def _digit_pair(seed: int, number: int, split: Split) -> PlantedPair:
    generator = np.random.default_rng([seed, _COLLAGES, number])
    _, values = load_digit_glyphs()
    drawn = generator.permutation(10)[:7].tolist()
    glyphs = [
        int(generator.choice([index for index in digit_indices(split) if values[index] == value]))
        for value in drawn
    ]
    colours = generator.permutation(list(CHANNELS)).tolist()
    backgrounds = _shuffled(("black", "grey"), generator)
    places = generator.permutation(4)[:2].tolist()
    first, second = (
        DigitCollage(
            _with_shared(glyphs, start, place), _with_shared(colours, start, place), background
        )
        for start, place, background in zip((1, 4), places, backgrounds, strict=True)
    )
    return PlantedPair(f"digit-pair-{seed}-{number:05d}", first, second, (places[0], places[1]))


def _with_shared(values: Sequence[T], start: int, place: int) -> tuple[T, ...]:
    """Three values from `start`, and the first of all at `place`."""
    others = list(values[start : start + 3])
    return (*others[:place], values[0], *others[place:])


def _shuffled(values: Sequence[T], generator: np.random.Generator) -> tuple[T, ...]:
    return tuple(values[place] for place in generator.permutation(len(values)).tolist())


def _check(count: int) -> None:
    if count < 1:
        raise UsageError(f"{count} pairs were asked for; at least 1 is needed.")
