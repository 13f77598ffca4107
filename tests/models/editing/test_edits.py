"""What an edit says of each word."""

import math
from dataclasses import replace

import pytest
import torch

from seewhy.models.editing.decoded import Decoded
from seewhy.models.editing.edits import WordEvidence, evidence_of, plain_words
from seewhy.models.editing.stepping import StepTrace


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A red circle.", ("a", "red", "circle")),
        ("red,blue", ("red", "blue")),
        ("a man’s T-shirt", ("a", "mans", "tshirt")),
        ("  two\n dogs\t", ("two", "dogs")),
        ("", ()),
        (" .,!? ", ()),
        ("Äpfel 3", ("äpfel", "3")),
    ],
)
def test_words_of_a_caption(caption, words):
    assert plain_words(caption) == words


def test_evidence_has_what_the_trace_has():
    trace = StepTrace(
        source=torch.tensor([[0.25, 0.75], [1.0, 0.0]]),
        copied=torch.tensor([1, 0]),
        copy_gate=torch.tensor([0.5, 0.25]),
        regions=torch.tensor([[1.0], [1.0]]),
    )
    found = evidence_of(Decoded((3, 4), (math.log(0.5), math.log(0.25)), -0.1, trace))
    first, second = found
    assert (first.probability, second.probability) == pytest.approx((0.5, 0.25))
    assert first == replace(second, probability=first.probability, source=(0.25, 0.75), copied=1,
                            copy_gate=0.5)  # fmt: skip
    assert second == WordEvidence(
        second.probability, source=(1.0, 0.0), copied=0, copy_gate=0.25, regions=(1.0,)
    )


def test_no_words_need_no_evidence():
    assert evidence_of(Decoded((), (), -1.0, StepTrace())) == ()
