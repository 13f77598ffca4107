"""Pairs of drawn pictures that have one object in common, for learning without labels.

What two views of a photograph share under crops, two scenes share here: an object, drawn anew
elsewhere, at another size, on another background and in other company. So whatever else is in a
picture teaches nothing, and nothing says which of its objects is the shared one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from seewhy.data.digits import CHANNELS, Split, digit_indices, draw_digit
from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    MARKS,
    SHAPES,
    SIZES,
    TEXTURES,
    Scene,
    draw_scene,
    random_object,
)

_MOST_COMPANY = 2
_GROUNDS = tuple(name for name in BACKGROUNDS if name not in COLOURS)
# Drawing takes as long as learning: of each batch's instances one in four gets a new scene.
_DRAWN_ANEW = 4
_Pictures = UInt8[np.ndarray, "instances kept side side 3"]


@dataclass(frozen=True)
class Instance:
    """What both pictures of a pair show."""

    kind: str
    colour: str
    texture: str


CATALOGUE = tuple(
    Instance(kind, colour, texture)
    for kind in (*SHAPES, *DIGITS)
    for colour in COLOURS
    for texture in (TEXTURES if kind in SHAPES else TEXTURES[:1])
)
"""All objects that can be told apart; a batch shows no two scenes of the same one by design."""


@dataclass(frozen=True)
class ViewBatch:
    """Two pictures each of the same objects, 0..1, before any augmentation."""

    first: Float[Tensor, "pairs 3 side side"]
    second: Float[Tensor, "pairs 3 side side"]


class SceneStore:
    """Some scenes of every instance, of which a few are drawn anew for each batch.

    Any two scenes of an instance are a pair.
    """

    def __init__(self, generator: np.random.Generator, *, kept: int = 6, side: int = 64) -> None:
        self._generator = generator
        self._pictures: _Pictures = np.stack(
            [np.stack([self._bare(instance, side) for _ in range(kept)]) for instance in CATALOGUE]
        )

    def batch(
        self, pairs: int, *, company: float = 0.8, bare: float = 0.0, plain_digits: float = 0.1
    ) -> ViewBatch:
        """Pairs of different instances, and a share of digits that fill the picture.

        `company` is the share of new scenes in which the object is not alone; `bare` that of
        those that show nothing but the object, large, on black or grey.
        """
        digits = round(plain_digits * pairs)
        chosen = self._generator.permutation(len(CATALOGUE))[: pairs - digits]
        kept, side = self._pictures.shape[1:3]
        for number in chosen[: len(chosen) // _DRAWN_ANEW]:
            place = self._generator.integers(kept)
            is_bare = self._generator.random() < bare
            draw = self._bare if is_bare else partial(self._drawn, company)
            self._pictures[number, place] = draw(CATALOGUE[number], side)
        two = np.array([self._generator.choice(kept, 2, replace=False) for _ in chosen])
        plain = [_plain_digit(self._generator, side) for _ in range(digits)]
        first, second = (
            _tensor([*self._pictures[chosen, two[:, view]], *plain]) for view in (0, 1)
        )
        return ViewBatch(first, second)

    def _drawn(
        self, company: float, instance: Instance, side: int
    ) -> UInt8[np.ndarray, "side side 3"]:
        return draw_scene(scene_of(instance, self._generator, company=company), side).pixels

    def _bare(self, instance: Instance, side: int) -> UInt8[np.ndarray, "side side 3"]:
        return draw_scene(bare_scene(instance, self._generator), side).pixels


def scene_of(
    instance: Instance,
    generator: np.random.Generator,
    *,
    company: float = 0.8,
    split: Split = "train",
) -> Scene:
    """A scene of this object, alone or with one or two others."""
    has_company = generator.random() < company
    others = int(generator.integers(1, _MOST_COMPANY + 1)) if has_company else 0
    background = str(generator.choice([name for name in BACKGROUNDS if name != instance.colour]))
    colours = [name for name in COLOURS if name != background]
    corners = generator.permutation(4)
    beside = [
        random_object(
            generator, colour=str(generator.choice(colours)), corner=int(corner), split=split
        )
        for corner in corners[:others]
    ]
    anywhere = not others and generator.random() < 0.5
    item = random_object(
        generator,
        colour=instance.colour,
        corner=None if anywhere else int(corners[others]),
        kind=instance.kind,
        split=split,
    )
    return Scene(
        (*beside, replace(item, texture=instance.texture)),
        background,
        background_texture=str(generator.choice(TEXTURES, p=(0.4, 0.2, 0.2, 0.2))),
        mark=str(generator.choice(MARKS, p=(0.6, 0.2, 0.2))),
        tint=float(generator.uniform(0.0, 0.2)),
        seed=int(generator.integers(2**32)),
    )


def bare_scene(instance: Instance, generator: np.random.Generator) -> Scene:
    """The object, large and alone, on black or grey: what there is to learn first."""
    item = random_object(generator, colour=instance.colour, corner=0, kind=instance.kind)
    radius = float(generator.uniform(*SIZES["large"]))
    x, y = generator.uniform(radius, 1 - radius, size=2).tolist()
    item = replace(item, texture=instance.texture, centre=(x, y), radius=radius)
    return Scene(
        (item,), str(generator.choice(_GROUNDS)), tint=0.0, seed=int(generator.integers(2**32))
    )


def held_out_pairs(count: int, *, seed: int = 0, side: int = 64, company: float = 1.0) -> ViewBatch:
    """Pairs of fresh scenes, each of another instance, with handwriting that nobody learnt from."""
    generator = np.random.default_rng([seed, 1])
    chosen = generator.permutation(len(CATALOGUE))[:count]
    views = [
        [
            draw_scene(
                scene_of(CATALOGUE[k], generator, company=company, split="held-out"), side
            ).pixels
            for k in chosen
        ]
        for _ in range(2)
    ]
    return ViewBatch(*map(_tensor, views))


def _plain_digit(generator: np.random.Generator, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """A handwritten digit in one colour that fills a black picture."""
    index = int(generator.choice(digit_indices("train")))
    return np.asarray(draw_digit(index, str(generator.choice(list(CHANNELS))), side))


def _tensor(pictures: Sequence[np.ndarray]) -> Float[Tensor, "pairs 3 side side"]:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
