from typing import get_args

import pytest
from tests.audit import documents
from tests.audit.documents import share, verdict

from seewhy.audit import wording
from seewhy.audit.changes import change
from seewhy.audit.schema import RowName


def field_loss(value, **changes):
    return documents.field_loss(value).model_copy(update=changes)


def test_a_loss_in_words():
    assert wording.loss_text("a\u202e", field_loss(0.2)) == (
        "If a\\u202e came with every class alike, accuracy would go from 90 % to 70 %, a loss of "
        "20 points (by changing pixels)."
    )
    gain = wording.loss_text("a", field_loss(-0.1, route="seen"))
    assert gain.endswith("to 100 %, a gain of 10 points (seen in your images).")
    assert wording.loss_text("a", field_loss(0.004)).endswith("stay at 90 % (by changing pixels).")
    assert "not known: the concepts always" in wording.loss_text("a", field_loss(None))


def test_the_worst_loss_is_the_largest_known():
    field = {"a": field_loss(None), "b": field_loss(0.1), "c": field_loss(0.3)}
    assert wording.worst_loss(field) == "c"
    assert wording.worst_loss({"a": field_loss(None)}) is None


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        (share(0.5, 0.1), share(0.2, 0.1), "−30 points, a clear change"),
        (share(0.5, 0.3), share(0.6, 0.3), "+10 points, may be chance"),
        (share(0.5).model_copy(update={"low": None}), share(0.5), "no change"),
        (share(0.5).model_copy(update={"low": None}), share(0.6), "+10 points"),
        (share(None), share(0.5), "not comparable"),
    ],
)
def test_differences_in_words(before, now, text):
    assert wording.change_text(change(before, now)) == text


def test_two_verdicts_in_words():
    assert wording.rulings_text("colour", "colour") == "still colour"
    assert wording.rulings_text("colour", None) == "colour then, undecided now"


def changed(**changes):
    return verdict().model_copy(update=changes)


def test_every_row_has_its_question():
    assert set(wording.ROW_QUESTIONS) == set(get_args(RowName))


def test_the_leader_and_the_runner_up_have_the_largest_shares():
    shares = {"a": share(0.1), "b": share(None), "c": share(0.5), "d": share(0.3)}
    assert wording.leader_and_runner_up(changed(shares=shares)) == ("c", "d")
    assert wording.leader_and_runner_up(changed(shares={"a": share(0.5)})) is None


def test_a_clear_lead_in_words():
    assert wording.lead_text(verdict()) == (
        "“colour” accounts for 83 percentage points more of the decisions than “shape”. With "
        "other images of the same kind this lead would mostly lie between 79 and 87 points. "
        "The answers of fewer than 1 in 100 untrained copies would vary as much, so the model "
        "has most likely learned something."
    )


def test_a_doubtful_lead_in_words():
    text = wording.lead_text(verdict(dominant=None))
    assert "between −6 and 21 points, so it may as well be none." in text
    assert "about 31 in 100 untrained copies would vary as much, so the model may have" in text


def test_what_was_not_measured_is_not_claimed():
    nothing = "No lead of one concept over another could be measured."
    assert wording.lead_text(changed(effect=None)) == nothing
    assert wording.lead_text(changed(shares={"a": share(None), "b": share(None)})) == nothing
    text = wording.lead_text(changed(interval=None, p_value=None))
    assert text.endswith("than “shape”.")


def test_names_in_words_show_what_is_invisible():
    shares = {"a\u202e": share(0.5), "b": share(0.1)}
    assert "“a\\u202e” accounts" in wording.lead_text(changed(shares=shares))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0002, "< 0.001"), (0.001, "0.001"), (0.0214, "0.021"), (1.0, "1")],
)
def test_p_values(value, text):
    assert wording.chance_text(value) == text


def test_a_row_stands_by_the_verdict_or_against_it():
    row = verdict().evidence[1]
    other = row.model_copy(update={"dominant": "shape"})
    silent = row.model_copy(update={"dominant": None})
    assert wording.row_stand(verdict(), row) == "agrees"
    assert wording.row_stand(verdict(), other) == "disagrees"
    assert wording.row_stand(verdict(), silent) == "names no concept"
    assert wording.row_stand(verdict(dominant=None), row) == "no verdict to compare with"


def voters(*named):
    row = verdict().evidence[1]
    return changed(evidence=[row.model_copy(update={"dominant": name}) for name in named])


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ((), "No row of evidence could take part in the verdict."),
        (("a",), "The one row that votes names “a”."),
        (("a", "a"), "Both rows that vote name “a”."),
        (("a", "a", "a"), "All 3 rows that vote name “a”."),
        (
            ("a", "b", "a"),
            "The rows that vote do not agree: 2 name “a”, 1 names “b”.",
        ),
        ((None, "a"), "The rows that vote do not agree: 1 names no concept, 1 names “a”."),
        ((None, None), "No row that votes names a concept."),
    ],
)
def test_agreement_in_words(named, text):
    assert wording.agreement_text(voters(*named)) == text
