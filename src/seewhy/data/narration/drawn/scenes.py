"""Scenes of one to four objects in quarters of their own, varied as questions need them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np

from seewhy.data.digits import Split
from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    SHAPES,
    SIZES,
    Scene,
    SceneObject,
    random_object,
)

Variety = Literal["free", "repeated", "odd", "main"]
"""Kinds and colours are independent, few, or alike but for one object; or one object is larger."""

T = TypeVar("T")

_SHARE_OF_SHAPES = 0.6
_SHARE_OF_PLAIN = 0.5
_TINT = 0.08


def pick(generator: np.random.Generator, values: Sequence[T]) -> T:
    """One of the values, each as likely."""
    return values[int(generator.integers(len(values)))]


def toss(generator: np.random.Generator, share: float = 0.5) -> bool:
    """True in this share of the cases."""
    return bool(generator.random() < share)


def random_kinds(generator: np.random.Generator) -> tuple[str, ...]:
    """All shapes in 60 % of the cases, else all digits."""
    return SHAPES if toss(generator, _SHARE_OF_SHAPES) else DIGITS


def random_kind(generator: np.random.Generator) -> str:
    """A shape in 60 % of the cases, else a digit."""
    return pick(generator, random_kinds(generator))


def narration_scene(
    generator: np.random.Generator, *, variety: Variety, count: int, split: Split
) -> Scene:
    """A scene of `count` objects without marks on a plain background of another colour.

    Digits are written by hand from `split`, but for a tenth of those to train on, in print.
    """
    background = pick(generator, list(BACKGROUNDS))
    colours = [colour for colour in COLOURS if colour != background]
    kinds, inks = _kinds_and_colours(generator, variety, count, colours)
    corners = generator.permutation(4)[:count].tolist()
    items = [
        _textured(
            random_object(generator, colour=ink, corner=corner, kind=kind, split=split), generator
        )
        for kind, ink, corner in zip(kinds, inks, corners, strict=True)
    ]
    if variety == "main":
        sizes = ["medium", *["small"] * (count - 1)]
        items = [_sized(item, size, generator) for item, size in zip(items, sizes, strict=True)]
    order = generator.permutation(count).tolist()
    return Scene(
        objects=tuple(items[place] for place in order),
        background_colour=background,
        tint=_TINT,
        seed=int(generator.integers(2**32)),
    )


def _kinds_and_colours(
    generator: np.random.Generator, variety: Variety, count: int, colours: Sequence[str]
) -> tuple[list[str], list[str]]:
    match variety:
        case "free":
            kinds = [random_kind(generator) for _ in range(count)]
            inks = [pick(generator, colours) for _ in range(count)]
        case "main":
            kinds = [pick(generator, SHAPES) for _ in range(count)]
            inks = [pick(generator, colours) for _ in range(count)]
        case "repeated":
            kinds = _from_two(generator, [random_kind(generator) for _ in range(2)], count)
            inks = _from_two(generator, generator.permutation(colours)[:2].tolist(), count)
        case "odd":
            kinds = [random_kind(generator) for _ in range(count)]
            inks = [pick(generator, colours) for _ in range(count)]
            if toss(generator):
                kinds = kinds[:1] + [random_kind(generator)] * (count - 1)
            else:
                inks = inks[:1] + [pick(generator, colours)] * (count - 1)
    return kinds, inks


def _from_two(generator: np.random.Generator, pair: Sequence[str], count: int) -> list[str]:
    return [pick(generator, pair) for _ in range(count)]


def _textured(item: SceneObject, generator: np.random.Generator) -> SceneObject:
    is_plain = toss(generator, _SHARE_OF_PLAIN)
    return replace(item, texture="plain") if is_plain else item


def _sized(item: SceneObject, size: str, generator: np.random.Generator) -> SceneObject:
    return replace(item, size=size, radius=float(generator.uniform(*SIZES[size])))
