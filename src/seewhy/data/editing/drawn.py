"""Drawn pictures whose caption can be mended only by who reads it and looks.

Two objects lie on black. The first one of the caption is painted in its colour, the second one
always in grey: its colour stands in the caption alone, and what else the caption says can be seen.
So neither a captioner that ignores the caption nor a language model that ignores the picture can
know the truth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.editing.corruption import DEFAULT_RATES, CorruptionRates, corrupted_caption
from seewhy.data.editing.facts import EDIT_SPLITS, EditFacts, EditSplit, facts_of
from seewhy.data.editing.records import EditRecord, RegionBox, Words
from seewhy.data.narration.drawn.scenes import pick, toss
from seewhy.data.scenes import SIZES, Scene, SceneObject, draw_scene

SIDE = 64
HIDDEN_INK = "grey"

_REACH = 1.15  # how far shapes go beyond their radius, at most
_BOX_REACH = 1.1
_GAP = 0.02
_ASIDE = 0.05
_TINT = 0.08
_SHARE_OF_SMALL = 0.6
_PICTURES, _CAPTIONS = 0, 1


@dataclass(frozen=True)
class EditScene:
    """A picture and what is true of it; `boxes` go with the objects of the scene, in any order."""

    id: str
    scene: Scene
    facts: EditFacts

    @property
    def truth(self) -> Words:
        """The caption that is right, word by word."""
        return self.facts.words

    @property
    def boxes(self) -> tuple[RegionBox, ...]:
        """A square around each object, whatever its shape."""
        return tuple(_box(item) for item in self.scene.objects)

    def image(self, side: int = SIDE) -> Image.Image:
        """The picture, drawn anew."""
        return draw_scene(self.scene, side).image

    def record(
        self, chance: np.random.Generator, *, rates: CorruptionRates = DEFAULT_RATES
    ) -> EditRecord:
        """The picture with a caption that has none, one or two faults."""
        caption = corrupted_caption(self.facts, chance, rates=rates)
        return EditRecord(
            id=self.id,
            caption=caption.words,
            truths=(self.truth,),
            boxes=self.boxes,
            corruptions=caption.corruptions,
            read=self.image,
        )


def edit_scene(number: int, *, seed: int = 0, split: EditSplit = "train") -> EditScene:
    """The picture of this number; splits show other pictures, of other facts.

    It depends on number, seed and split alone.
    """
    chance = _chance(_PICTURES, number, seed=seed, split=split)
    facts = pick(chance, facts_of(split))
    first, second = _placed(facts, chance)
    # The order of the objects must not tell which one the caption names first.
    items = (first, second) if toss(chance) else (second, first)
    return EditScene(
        id=f"edit-{split}-{seed}-{number:06d}",
        scene=Scene(items, "black", tint=_TINT, seed=int(chance.integers(2**32))),
        facts=facts,
    )


def edit_scenes(count: int, *, seed: int = 0, split: EditSplit = "train") -> Iterator[EditScene]:
    """The pictures of the numbers below `count`, one by one."""
    if count < 1:
        raise UsageError(f"{count} pictures were asked for; at least 1 is needed.")
    return (edit_scene(number, seed=seed, split=split) for number in range(count))


def drawn_edit(
    number: int,
    *,
    seed: int = 0,
    split: EditSplit = "train",
    epoch: int = 0,
    rates: CorruptionRates = DEFAULT_RATES,
) -> EditRecord:
    """The picture of this number with its caption; another epoch has other faults."""
    scene = edit_scene(number, seed=seed, split=split)
    chance = _chance(_CAPTIONS, number, epoch, seed=seed, split=split)
    return scene.record(chance, rates=rates)


def drawn_edits(
    count: int,
    *,
    seed: int = 0,
    split: EditSplit = "train",
    epoch: int = 0,
    rates: CorruptionRates = DEFAULT_RATES,
) -> Iterator[EditRecord]:
    """The records of the numbers below `count`, made one by one."""
    if count < 1:
        raise UsageError(f"{count} captions were asked for; at least 1 is needed.")
    return (
        drawn_edit(number, seed=seed, split=split, epoch=epoch, rates=rates)
        for number in range(count)
    )


def _chance(stream: int, *numbers: int, seed: int, split: EditSplit) -> np.random.Generator:
    return np.random.default_rng([seed, EDIT_SPLITS.index(split), stream, *numbers])


def _placed(facts: EditFacts, chance: np.random.Generator) -> tuple[SceneObject, SceneObject]:
    """Both objects, the one that the caption names first before the other.

    At most one is of medium size, else they would not fit side by side.
    """
    sizes = ["small", "small"]
    if not toss(chance, _SHARE_OF_SMALL):
        sizes[int(chance.integers(2))] = "medium"
    radii = [_radius(size, chance) for size in sizes]
    inks = ((facts.kind, facts.colour), (facts.other_kind, HIDDEN_INK))
    centres = _centres(facts.relation, radii, chance)
    first, second = (
        SceneObject(kind, ink, "plain", size, "", centre, radius, float(chance.uniform(-0.2, 0.2)))
        for (kind, ink), size, centre, radius in zip(inks, sizes, centres, radii, strict=True)
    )
    return first, second


def _centres(
    relation: str, radii: Sequence[float], chance: np.random.Generator
) -> list[tuple[float, float]]:
    """Where two objects lie, so that one relation holds by far.

    They are at most a third as far apart across the relation's direction as along it.
    """
    reaches = [_REACH * radius for radius in radii]
    taken = sum(reaches)
    apart = chance.uniform(taken + _GAP, 1 - taken)
    is_before = relation in ("above", "left of")
    start = reaches[not is_before] + chance.uniform(0, 1 - taken - apart)
    along = (start, start + apart) if is_before else (start + apart, start)
    margin = max(reaches) + _ASIDE
    across = chance.uniform(margin, 1 - margin) + chance.uniform(-_ASIDE, _ASIDE, size=2)
    centres = zip(along, across.tolist(), strict=True)
    is_level = relation in ("left of", "right of")
    return [
        (float(one), float(two)) if is_level else (float(two), float(one)) for one, two in centres
    ]


def _radius(size: str, chance: np.random.Generator) -> float:
    low, high = SIZES[size]
    return float(chance.uniform(low, min(high, 0.23)))


def _box(item: SceneObject) -> RegionBox:
    (x, y), reach = item.centre, _BOX_REACH * item.radius
    left, top, right, bottom = (
        min(max(edge, 0.0), 1.0) for edge in (x - reach, y - reach, x + reach, y + reach)
    )
    return left, top, right, bottom
