from dataclasses import replace

import pytest
from tests.training.editing.small import WRITER, regions_of

from seewhy.base.errors import InternalError, UsageError
from seewhy.data.editing.corruption import Corruption
from seewhy.data.editing.records import EditRecord
from seewhy.models.editing.decoding import DecodeOptions
from seewhy.models.editing.identity import Identity
from seewhy.training.editing.judging import Cases, Judge, Judged, Judgement

TRUTH = ("a", "red", "star")
OTHER = ("a", "blue", "star")


def record(caption, *, truths=(TRUTH,), kinds=()):
    faults = tuple(Corruption(kind, (), ()) for kind in kinds)
    return EditRecord("id", caption, truths, corruptions=faults)


def judged(caption, edited, **values):
    return Judged(record(caption, **values), edited, is_finished=True)


def test_shares_are_of_those_that_they_speak_of():
    found = Judgement(
        (
            judged(TRUTH, TRUTH),
            judged(TRUTH, OTHER),
            judged(OTHER, TRUTH, kinds=("colour",)),
            judged(OTHER, OTHER, kinds=("colour", "kind")),
            judged(OTHER, ("a",), kinds=("kind",)),
        )
    )
    figures = found.figures
    assert figures["exact"] == pytest.approx(2 / 5)
    assert figures["exact before"] == pytest.approx(2 / 5)
    assert figures["kept"] == pytest.approx(1 / 2)
    assert figures["repaired"] == pytest.approx(1 / 3)
    assert figures["changed"] == pytest.approx(3 / 5)
    assert figures["finished"] == 1.0
    assert found.by_kind == {"colour": 0.5, "kind": 0.0}


def test_another_truth_is_exact_but_not_kept():
    found = Judgement((judged(TRUTH, OTHER, truths=(TRUTH, OTHER)),)).figures
    assert (found["exact"], found["kept"]) == (1.0, 0.0)
    assert "repaired" not in found


def test_cider_is_that_of_the_captions_before_and_after():
    truths = [("a", "red", "star"), ("a", "blue", "ring"), ("one", "green", "cross")]
    right = Judgement(tuple(judged(OTHER, each, truths=(each,)) for each in truths)).figures
    wrong = Judgement(tuple(judged(each, OTHER, truths=(each,)) for each in truths)).figures
    assert right["CIDEr"] == wrong["CIDEr before"] > wrong["CIDEr"] == right["CIDEr before"]


class Looking(Identity):
    """Says how many regions the image has, as the word of that number."""

    def encode(self, inputs):
        return super().encode(replace(inputs, captions=inputs.counts[:, None]))


class Bare:
    """A network that is no module of torch."""

    vocabulary_size = 4

    def encode(self, inputs):
        return inputs

    def begin(self, encoded, *, rows=1):
        return encoded if rows else None

    def step(self, words, state, encoded):
        return words, state, encoded


CASES = Cases(
    tuple(record((word,), truths=((word,),)) for word in WRITER.vocabulary.words[:5]),
    regions_of(5, regions=5),
)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_captions_and_images_are_exchanged_one_at_a_time(batch):
    judge = Judge(WRITER, DecodeOptions("greedy", limit=4, batch=batch))
    size = WRITER.vocabulary.size
    copying, looking = Identity(size), Looking(size)
    exact = {
        (name, shuffle): judge.judged(network, CASES, shuffle=shuffle).figures["exact"]
        for name, network in (("copying", copying), ("looking", looking))
        for shuffle in ("none", "captions", "images")
    }
    # The first word has the id 1, and the first image one region, and so on.
    assert exact == {
        ("copying", "none"): 1.0,
        ("copying", "captions"): 0.0,
        ("copying", "images"): 1.0,
        ("looking", "none"): 1.0,
        ("looking", "captions"): 1.0,
        ("looking", "images"): 0.0,
    }


def test_nothing_to_judge_by_and_what_has_no_device_are_refused():
    judge = Judge(WRITER)
    with pytest.raises(UsageError, match="no captions to judge by"):
        judge.judged(Identity(WRITER.vocabulary.size), Cases((), regions_of(1)))
    with pytest.raises(InternalError, match="Bare is no module"):
        judge.judged(Bare(), CASES)
