"""Drawn questions in the styles of the seven tasks of Uni-NLX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from seewhy.data.digits import Split
from seewhy.data.narration.drawn.asking import Chance, DrawnQuestion, QuestionKind
from seewhy.data.narration.drawn.hypotheses import hypothesis
from seewhy.data.narration.drawn.numbered import numbered_question
from seewhy.data.narration.drawn.phrases import FEATURES, OBJECT, SceneFacts
from seewhy.data.narration.drawn.questions import QUESTIONS
from seewhy.data.narration.drawn.scenes import narration_scene, pick
from seewhy.data.narration.records import Box, Regions, Vote, votes_for
from seewhy.data.scenes import Scene, draw_scene

DrawnTask = Literal["vqaX", "aokvqa", "vqa_paraX", "actX", "esnlive", "vcr", "imagenetX"]

_MOST_REASONS = 3
_CHOICES = 4


@dataclass(frozen=True)
class Told:
    """What is asked and answered of a scene; `kind` says what it takes to answer."""

    kind: str
    question: str | None
    votes: tuple[Vote, ...]
    reasons: tuple[str, ...]
    regions: Regions | None = None
    choices: tuple[str, ...] = ()
    correct: int | None = None


@dataclass(frozen=True)
class Situation:
    """A scene and what is told of it."""

    scene: Scene
    told: Told = field(repr=False)


def vqa_situation(chance: Chance, split: Split) -> Situation:
    """A question of any kind, ten equal answers, up to three reasons."""
    scene, asked = _asked(chance, split, list(QUESTIONS))
    told = Told(
        asked.kind, asked.text, votes_for([asked.answer] * 10), _some(asked.reasons, chance)
    )
    return Situation(scene, told)


def choice_situation(chance: Chance, split: Split) -> Situation:
    """A question with four choices, of which one is right."""
    kinds: list[QuestionKind] = ["shape", "colour", "count", "odd one out"]
    scene, asked = _asked(chance, split, kinds)
    wrong = chance.permutation(list(asked.others)).tolist()[: _CHOICES - 1]
    choices = chance.permutation([asked.answer, *wrong]).tolist()
    told = Told(
        asked.kind,
        asked.text,
        tuple(Vote(asked.answer) for _ in range(10)),
        _some(asked.reasons, chance),
        choices=tuple(choices),
        correct=choices.index(asked.answer),
    )
    return Situation(scene, told)


def paragraph_situation(chance: Chance, split: Split) -> Situation:
    """A question with one reason of two or more statements, as out of a paragraph."""
    scene, asked = _asked(chance, split, list(QUESTIONS))
    reasons = _some(asked.reasons, chance, most=2)
    return Situation(
        scene, Told(asked.kind, asked.text, (Vote(asked.answer),), (" and ".join(reasons),))
    )


def arrangement_situation(chance: Chance, split: Split) -> Situation:
    """How the objects lie, which nobody asks: alone, row, column, diagonal, corner or full."""
    count = pick(chance, (1, 2, 2, 2, 3, 4))
    while True:
        scene = narration_scene(chance, variety="free", count=count, split=split)
        facts = SceneFacts(scene)
        names = [facts.unique_names(place) for place in range(count)]
        if all(names):
            break
    answer, reasons = _arrangement(facts, [pick(chance, each).definite for each in names])
    return Situation(scene, Told("arrangement", None, (Vote(answer),), _some(reasons, chance)))


def hypothesis_situation(chance: Chance, split: Split) -> Situation:
    """A hypothesis and whether the picture entails it, says nothing of it, or contradicts it.

    Half speak of what no picture shows: neutral, or contradicted because there is no such object.
    The others are entailed or contradicted. So whoever reads the hypothesis alone is right in half
    of the cases, as is who always says contradiction.
    """
    while True:
        scene = narration_scene(
            chance, variety="free", count=int(chance.integers(1, 5)), split=split
        )
        found = hypothesis(SceneFacts(scene), chance)
        if found is not None:
            reason = pick(chance, found.reasons)
            return Situation(scene, Told("hypothesis", found.text, (Vote(found.label),), (reason,)))


def regions_situation(chance: Chance, split: Split) -> Situation:
    """A question that names objects by number; all are called "object" and have their boxes."""
    while True:
        count = int(chance.integers(1, 5))
        scene = narration_scene(chance, variety="free", count=count, split=split)
        found = numbered_question(SceneFacts(scene), chance)
        if found is not None:
            reason, regions = pick(chance, found.reasons), scene_regions(scene)
            told = Told(found.kind, found.text, (Vote(found.answer),), (reason,), regions)
            return Situation(scene, told)


def main_object_situation(chance: Chance, split: Split) -> Situation:
    """The shape of the largest object, known by how such shapes are made."""
    count = int(chance.integers(1, 5))
    facts = SceneFacts(narration_scene(chance, variety="main", count=count, split=split))
    item = facts.items[facts.main or 0]
    features = [f"it {feature}" for feature in FEATURES[item.kind]]
    more = [f"it is {item.colour}", *["it is the largest object"] * (count > 1)]
    reasons = [*features, *(f"{feature} and {each}" for feature in features for each in more)]
    told = Told(
        "main object",
        pick(chance, ("what is the main object in the image", "what is the main object")),
        (Vote(item.kind),),
        _some(reasons, chance),
    )
    return Situation(facts.scene, told)


SITUATIONS: Mapping[DrawnTask, Callable[[Chance, Split], Situation]] = {
    "vqaX": vqa_situation,
    "aokvqa": choice_situation,
    "vqa_paraX": paragraph_situation,
    "actX": arrangement_situation,
    "esnlive": hypothesis_situation,
    "vcr": regions_situation,
    "imagenetX": main_object_situation,
}


def scene_regions(scene: Scene, side: int = 64) -> Regions:
    """The boxes of what is seen of each object at `side` pixels."""
    boxes: list[Box] = []
    for mask in draw_scene(scene, side).masks:
        rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        edges = (cols[0], rows[0], cols[-1], rows[-1]) if len(rows) else (0, 0, 0, 0)
        x1, y1, x2, y2 = map(float, edges)
        boxes.append((x1, y1, x2, y2, 1.0))
    return Regions((OBJECT,) * len(boxes), tuple(boxes), side, side)


def _asked(
    chance: Chance, split: Split, kinds: Sequence[QuestionKind]
) -> tuple[Scene, DrawnQuestion]:
    """A scene and a question of one of the kinds, each as likely."""
    variety, fewest, ask = QUESTIONS[pick(chance, kinds)]
    while True:
        count = int(chance.integers(fewest, 5))
        scene = narration_scene(chance, variety=variety, count=count, split=split)
        asked = ask(SceneFacts(scene), chance)
        if asked is not None:
            return scene, asked


def _some(reasons: Sequence[str], chance: Chance, *, most: int = _MOST_REASONS) -> tuple[str, ...]:
    """Different reasons in any order, at most so many."""
    different = list(dict.fromkeys(reasons))
    order = chance.permutation(len(different)).tolist()[:most]
    return tuple(different[place] for place in order)


def _arrangement(facts: SceneFacts, names: Sequence[str]) -> tuple[str, list[str]]:
    match len(facts.items):
        case 1:
            return "alone", ["there is only one object", f"there is one object {facts.where(0)}"]
        case 3:
            seen = [f"{name} is {facts.where(place)}" for place, name in enumerate(names)]
            return "corner", ["there are three objects", " and ".join(seen)]
        case 4:
            return "full", ["there are four objects", "every corner has an object"]
    places = [f"{name} is {facts.where(place)}" for place, name in enumerate(names)]
    both = " and ".join(places)
    (x1, y1), (x2, y2) = facts.cell(0), facts.cell(1)
    if y1 == y2:
        relation = "left of" if x1 < x2 else "right of"
        related = f"{names[0]} is {relation} {names[1]}"
        return "row", [both, f"both objects are {facts.level(0)}", related]
    if x1 == x2:
        relation = "above" if y1 < y2 else "below"
        related = f"{names[0]} is {relation} {names[1]}"
        return "column", [both, f"both objects are {facts.side(0)}", related]
    return "diagonal", [both, " and ".join(reversed(places))]
