from collections import Counter, defaultdict
from itertools import islice

import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.data.digits import digit_indices
from seewhy.data.narration.drawn.dataset import (
    DRAWN_TASKS,
    ScenePicture,
    drawn_captions,
    drawn_narrations,
)
from seewhy.data.narration.drawn.phrases import SceneFacts
from seewhy.data.narration.drawn.questions import QUESTIONS
from seewhy.data.narration.drawn.scenes import narration_scene
from seewhy.data.narration.nlx_files import nlx_document
from seewhy.data.scenes import DIGITS

TRAIN = list(drawn_narrations(1400, seed=1))
HELD_OUT = list(drawn_narrations(350, seed=1, split="held-out"))


def of(task, made=TRAIN):
    return [each for each in made if each.record.task == task]


def test_tasks_come_in_turn_and_ids_are_unique():
    assert [each.record.task for each in TRAIN[:8]] == [*DRAWN_TASKS, "vqaX"]
    assert len({each.record.id for each in [*TRAIN, *HELD_OUT]}) == 1750


def test_a_record_depends_on_seed_split_task_and_number_alone():
    again = list(drawn_narrations(30, seed=1, tasks=("vcr",)))
    assert again == of("vcr")[:30]
    other = list(drawn_narrations(30, seed=2, tasks=("vcr",)))
    assert all(a.scene != b.scene for a, b in zip(again, other, strict=True))


def test_scenes_and_handwriting_are_held_out():
    assert not {each.scene for each in TRAIN} & {each.scene for each in HELD_OUT}
    for made, split in ((TRAIN, "train"), (HELD_OUT, "held-out")):
        drawn = {
            item.glyph
            for each in made
            for item in each.scene.objects
            if item.kind in DIGITS and item.glyph is not None
        }
        assert drawn
        assert drawn <= set(digit_indices(split))


def test_objects_lie_in_quarters_of_their_own_and_differ_from_the_background():
    for each in TRAIN:
        items = each.scene.objects
        assert 1 <= len(items) <= 4
        assert len({(x > 0.5, y > 0.5) for x, y in (item.centre for item in items)}) == len(items)
        assert all(item.colour != each.scene.background_colour for item in items)
    assert {len(each.scene.objects) for each in TRAIN} == {1, 2, 3, 4}


def test_the_words_are_few():
    words = {
        word
        for each in [*TRAIN, *HELD_OUT, *drawn_captions(100)]
        for text in (
            each.record.question or "",
            *each.record.answers,
            *each.record.explanations,
            *each.record.choices,
        )
        for word in text.split()
    }
    assert len(words) <= 120


def test_every_kind_of_question_comes_in_several_wordings():
    questions = defaultdict(set)
    for each in of("vqaX"):
        questions[each.kind].add(" ".join(each.record.question.split()[:3]))
    assert set(questions) == {
        "shape", "colour", "count", "relation", "existence", "odd one out", "comparison",
    }  # fmt: skip
    assert all(len(starts) >= 3 for starts in questions.values())


def test_every_style_has_its_form():
    for each in of("vqaX"):
        assert sum(each.record.answers.values()) == 10
        assert 1 <= len(each.record.explanations) <= 3
    for each in of("aokvqa"):
        record = each.record
        assert len(set(record.choices)) == 4
        assert list(record.answers) == [record.choices[record.correct]]
    assert all(each.record.question is None for each in of("actX"))
    assert {answer for each in of("actX") for answer in each.record.answers} == {
        "alone", "row", "column", "diagonal", "corner", "full",
    }  # fmt: skip
    assert all(" object" in each.record.question for each in of("vcr"))
    assert all(
        each.record.question.startswith("what is the main object") for each in of("imagenetX")
    )
    assert max(" and " in each.record.explanations[0] for each in of("vqa_paraX"))


def test_boxes_hold_the_objects():
    for each in of("vcr")[:40]:
        regions = each.record.regions
        pixels = np.asarray(each.record.read(), dtype=int)
        assert (regions.width, regions.height) == (64, 64)
        assert len(regions.objects) == len(regions.boxes) == len(each.scene.objects)
        for item, (x1, y1, x2, y2, _) in zip(each.scene.objects, regions.boxes, strict=True):
            assert abs((x1 + x2 + 1) / 128 - item.centre[0]) < 0.08
            assert abs((y1 + y2 + 1) / 128 - item.centre[1]) < 0.08
            inside = pixels[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1]
            assert np.ptp(inside.reshape(-1, 3), axis=0).max() > 60


def test_hypotheses_have_their_labels():
    labels = Counter(answer for each in of("esnlive") for answer in each.record.answers)
    total = sum(labels.values())
    assert set(labels) == {"entailment", "neutral", "contradiction"}
    assert abs(labels["contradiction"] / total - 0.5) < 0.1
    assert abs(labels["neutral"] / total - 0.25) < 0.1


def yes_shares(kind, count):
    """Of such questions that are answered by yes or no, by how they begin, the share of yes."""
    variety, fewest, ask = QUESTIONS[kind]
    chance = np.random.default_rng(4)
    answers = defaultdict(list)
    while sum(map(len, answers.values())) < count:
        number = int(chance.integers(fewest, 5))
        scene = narration_scene(chance, variety=variety, count=number, split="train")
        asked = ask(SceneFacts(scene), chance)
        if asked is not None and asked.answer in ("yes", "no"):
            answers[" ".join(asked.text.split()[:2])].append(asked.answer == "yes")
    return answers


@pytest.mark.parametrize("kind", ["existence", "relation", "comparison"])
def test_yes_is_as_likely_as_no_whatever_the_words(kind):
    answers = yes_shares(kind, 400)
    assert len(answers) == 3 + (kind == "comparison")
    everything = [answer for each in answers.values() for answer in each]
    assert abs(np.mean(everything) - 0.5) < 0.08
    for each in answers.values():
        assert abs(np.mean(each) - 0.5) < 2 / np.sqrt(len(each))


def test_pictures_are_drawn_when_read():
    first = TRAIN[0]
    image = first.record.read()
    assert (image.size, image.mode) == ((64, 64), "RGB")
    assert np.array_equal(np.asarray(image), np.asarray(ScenePicture(first.scene)()))
    assert ScenePicture(first.scene, 32)().size == (32, 32)


def test_drawn_records_can_be_written_as_published_files():
    for task in ("vqaX", "actX", "esnlive", "vcr"):
        records = [each.record for each in of(task)[:20]]
        assert list(nlx_document(records, task)) == [record.id for record in records]


def test_captions_tell_every_object():
    for each in islice(drawn_captions(50), 50):
        (caption,) = each.record.explanations
        assert caption.count("there is") == len(each.scene.objects)
        assert each.record.question is None


@pytest.mark.parametrize(("count", "tasks"), [(0, ("vcr",)), (3, ()), (3, ("vqa",))])
def test_other_requests_are_refused(count, tasks):
    with pytest.raises(UsageError, match="wanted is at least one, of vqaX"):
        drawn_narrations(count, tasks=tasks)


def test_no_captions_are_refused():
    with pytest.raises(UsageError, match="0 captions"):
        drawn_captions(0)
