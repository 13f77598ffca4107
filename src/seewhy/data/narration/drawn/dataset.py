"""Records made from drawn scenes: the data of the smallest preset."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.digits import Split
from seewhy.data.narration.drawn.phrases import Phrase, SceneFacts
from seewhy.data.narration.drawn.scenes import narration_scene
from seewhy.data.narration.drawn.styles import SITUATIONS, DrawnTask
from seewhy.data.narration.records import NarrationRecord
from seewhy.data.scenes import Scene, draw_scene

DRAWN_TASKS: tuple[DrawnTask, ...] = get_args(DrawnTask)
SIDE = 64

_SPLITS: tuple[Split, ...] = get_args(Split)
_CAPTIONS = len(DRAWN_TASKS)


@dataclass(frozen=True)
class ScenePicture:
    """The image of a scene, drawn when it is read."""

    scene: Scene
    side: int = SIDE

    def __call__(self) -> Image.Image:
        """Draw it."""
        return draw_scene(self.scene, self.side).image


@dataclass(frozen=True)
class DrawnNarration:
    """A record, the scene that its image shows, and what it takes to answer."""

    record: NarrationRecord
    scene: Scene
    kind: str


def drawn_narrations(
    count: int,
    *,
    tasks: Sequence[str] = DRAWN_TASKS,
    seed: int = 0,
    split: Split = "train",
) -> Iterator[DrawnNarration]:
    """Records of these tasks in turn, `count` in all, made one by one.

    A record depends on the seed, the split, its task and its number within the task alone. Other
    splits show other scenes and other handwriting.
    """
    chosen = [known for task in tasks for known in DRAWN_TASKS if known == task]
    if count < 1 or not tasks or len(chosen) < len(tasks):
        raise UsageError(
            f"{count} records of the tasks {list(tasks)} were asked for; wanted is at least one, "
            f"of {', '.join(DRAWN_TASKS)}."
        )
    return (
        _narration(chosen[number % len(chosen)], number // len(chosen), seed=seed, split=split)
        for number in range(count)
    )


def drawn_captions(
    count: int, *, seed: int = 0, split: Split = "train"
) -> Iterator[DrawnNarration]:
    """Scenes with every object and its place told, to train on before any question."""
    if count < 1:
        raise UsageError(f"{count} captions were asked for; at least 1 is needed.")
    return (_caption(number, seed=seed, split=split) for number in range(count))


def _narration(task: DrawnTask, number: int, *, seed: int, split: Split) -> DrawnNarration:
    chance = _chance(seed, split, DRAWN_TASKS.index(task), number)
    situation = SITUATIONS[task](chance, split)
    told, name = situation.told, f"{task}-{split}-{seed}-{number:06d}"
    record = NarrationRecord(
        id=name,
        task=task,
        images=(f"{name}.png",),
        question=told.question,
        votes=told.votes,
        explanations=told.reasons,
        regions=told.regions,
        choices=told.choices,
        correct=told.correct,
        read=ScenePicture(situation.scene),
    )
    return DrawnNarration(record, situation.scene, told.kind)


def _caption(number: int, *, seed: int, split: Split) -> DrawnNarration:
    chance = _chance(seed, split, _CAPTIONS, number)
    count = int(chance.integers(1, 5))
    scene = narration_scene(chance, variety="free", count=count, split=split)
    facts, name = SceneFacts(scene), f"captions-{split}-{seed}-{number:06d}"
    places = sorted(range(count), key=lambda place: facts.cell(place)[::-1])
    seen = (
        f"there is {Phrase(scene.objects[place].kind, scene.objects[place].colour).indefinite} "
        f"{facts.where(place)}"
        for place in places
    )
    record = NarrationRecord(
        id=name,
        task="captions",
        images=(f"{name}.png",),
        question=None,
        votes=(),
        explanations=(" and ".join(seen),),
        read=ScenePicture(scene),
    )
    return DrawnNarration(record, scene, "caption")


def _chance(seed: int, split: Split, task: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, _SPLITS.index(split), task, number])
