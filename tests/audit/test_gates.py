import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit import documents
from tests.audit.documents import HOSTILE, field_loss, share

from seewhy.audit.gates import (
    check_conditions,
    holds,
    read_conditions,
    write_junit,
)
from seewhy.base.errors import UsageError

GROUPS = ("colour", "shape", "background colour")


def findings(document, *texts):
    conditions = read_conditions(texts, list(document.groups))
    return [outcome.finding for outcome in check_conditions(document, conditions)]


def with_field(document, field):
    details = [each.model_copy(update={"field": field}) for each in document.details]
    return document.model_copy(update={"details": details})


def without_shares(document):
    verdict = document.verdicts[0].model_copy(
        update={"shares": {group: share(None) for group in document.groups}}
    )
    return document.model_copy(update={"verdicts": [verdict]})


@pytest.mark.parametrize(
    ("text", "subject", "group", "sign", "limit"),
    [
        ("colour>0.3", "share", "colour", ">", 0.3),
        (" background colour <= .5 ", "share", "background colour", "<=", 0.5),
        ("share( shape )>=1", "share", "shape", ">=", 1.0),
        ("loss(background colour) > 1e-1", "loss", "background colour", ">", 0.1),
        ("loss(colour)>-0.05", "loss", "colour", ">", -0.05),
        ("accuracy<0.9", "accuracy", "", "<", 0.9),
    ],
)
def test_a_comparison_is_read(text, subject, group, sign, limit):
    (found,) = read_conditions([text], GROUPS)
    assert (found.subject, found.group, found.sign, found.limit) == (subject, group, sign, limit)
    assert found.text == text.strip()


def test_words_on_the_verdict_are_read():
    texts = ["undecided", "dominant = background colour", "relied=shape"]
    undecided, dominant, relied = read_conditions(texts, GROUPS)
    assert undecided.subject == "undecided"
    assert (dominant.subject, dominant.group) == ("dominant", "background colour")
    assert (relied.subject, relied.group) == ("relied", "shape")


def test_several_groups_that_count_together_are_relied_on_and_none_is_dominant():
    biased = documents.biased_document()
    both = {"dominant": None, "undecided": False, "relied_on": ["colour", "shape"]}
    together = biased.verdicts[0].model_copy(update=both)
    document = biased.model_copy(update={"verdicts": [together]})
    conditions = "dominant=colour", "relied=colour", "relied=shape", "undecided"
    assert findings(document, *conditions) == ["passed", "tripped", "tripped", "passed"]


@pytest.mark.parametrize(
    "text", ["", "colour", "colour=0.3", "colour==0.3", ">0.3", "colour>", "0.3<colour", "sure"]
)
def test_what_is_no_condition_is_refused_with_its_shapes(text):
    with pytest.raises(UsageError, match=r"is no condition|no concept group|compares with"):
        read_conditions([text], GROUPS)


@pytest.mark.parametrize("text", ["size>0.3", "loss(size)>0.1", "dominant=size", "loss()>0.1"])
def test_an_unknown_group_is_refused_with_those_there_are(text):
    with pytest.raises(UsageError, match="'colour', 'shape', 'background colour'"):
        read_conditions([text], GROUPS)


@pytest.mark.parametrize("limit", ["30", "30%", "nan", "inf", "a", "1.01", "-1.5"])
def test_an_impossible_limit_is_refused(limit):
    with pytest.raises(UsageError, match="between -1 and 1"):
        read_conditions([f"colour>{limit}"], GROUPS)


def test_a_condition_twice_is_refused():
    with pytest.raises(UsageError, match="stands twice"):
        read_conditions(["colour>0.3", "colour>0.3 "], GROUPS)


@given(value=st.floats(-1, 1), limit=st.floats(-1, 1))
def test_signs_mean_what_they_mean(value, limit):
    assert holds(value, ">", limit) is not holds(value, "<=", limit)
    assert holds(value, "<", limit) is not holds(value, ">=", limit)
    assert holds(value, ">", limit) is holds(limit, "<", value)
    assert holds(value, ">=", value)
    assert not holds(value, "<", value)


def test_conditions_on_a_biased_model():
    """Colour has a share of 86 % with 82 to 90, shape 3 %; the accuracy is 1."""
    document = documents.biased_document()
    assert findings(document, "colour>0.86", "colour>=0.86", "shape>0.3", "accuracy<0.9") == [
        "passed",
        "tripped",
        "passed",
        "passed",
    ]
    assert findings(document, "dominant=colour", "dominant=shape", "undecided") == [
        "tripped",
        "passed",
        "passed",
    ]
    assert findings(documents.undecided_document(), "undecided", "dominant=colour") == [
        "tripped",
        "passed",
    ]


def test_the_point_counts_and_the_interval_is_told():
    document = documents.biased_document()
    (outcome,) = check_conditions(document, read_conditions(["colour>0.88"], GROUPS))
    assert outcome.passes
    assert "86 % (95 % interval 82 % to 90 %)" in outcome.message
    assert document.verdicts[0].sentence in outcome.message


def test_a_predicted_loss_is_compared():
    document = with_field(documents.biased_document(), {"colour": field_loss(0.2)})
    assert findings(document, "loss(colour)>0.1", "loss(colour)>0.2") == ["tripped", "passed"]


@pytest.mark.parametrize("text", ["colour>0.3", "colour<0.3", "share(shape)>0", "dominant=colour"])
def test_what_was_not_measured_cannot_pass(text):
    document = without_shares(documents.biased_document())
    (outcome,) = check_conditions(document, read_conditions([text], GROUPS))
    assert outcome.finding == "unmeasured"
    assert not outcome.passes
    assert "was not measured: the concepts always go together" in outcome.message


def test_a_loss_or_an_accuracy_that_is_not_there_cannot_pass():
    document = documents.biased_document()
    assert findings(with_field(document, {}), "loss(colour)>0.1") == ["unmeasured"]
    unknown = with_field(document, {"colour": field_loss(None)})
    assert findings(unknown, "loss(colour)>0.1") == ["unmeasured"]
    assert findings(document.model_copy(update={"details": []}), "accuracy<0.9") == ["unmeasured"]


def test_every_model_meets_every_condition():
    document = documents.compared_document()
    conditions = read_conditions(["dominant=colour", "colour<0.1"], GROUPS)
    found = [(o.model, o.finding) for o in check_conditions(document, conditions)]
    assert found == [
        ("biased.safetensors", "tripped"),
        ("biased.safetensors", "passed"),
        ("unbiased.safetensors", "passed"),
        ("unbiased.safetensors", "tripped"),
    ]


def test_the_junit_file_tells_the_same(tmp_path):
    document = documents.compared_document()
    conditions = read_conditions(["dominant=colour", "undecided", "loss(shape)>0"], GROUPS)
    outcomes = check_conditions(document, conditions)
    path = write_junit(outcomes, tmp_path / "new" / "gate.xml", created=document.created)
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "3", "0")
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["biased.safetensors", "unbiased.safetensors"]
    assert [suite.get("failures") for suite in suites] == ["2", "1"]
    cases = suites[0].findall("testcase")
    assert [case.get("name") for case in cases] == [condition.text for condition in conditions]
    failures = [case.find("failure") for case in cases]
    assert [f is None for f in failures] == [False, True, False]
    assert [failures[0].get("type"), failures[2].get("type")] == ["tripped", "unmeasured"]
    assert document.verdicts[0].sentence in failures[0].get("message")
    assert cases[1].findtext("system-out") == document.verdicts[0].sentence


def test_a_hostile_document_gives_sound_xml(tmp_path):
    document = documents.hostile_document()
    texts = [f"{group}>0.1" for group in document.groups if not set("<>=") & set(group)]
    texts += [f"dominant={group}" for group in document.groups]
    outcomes = check_conditions(document, read_conditions(texts, list(document.groups)))
    path = write_junit(outcomes, tmp_path / "junit.xml", created=HOSTILE["terminal"][1:8])
    root = ElementTree.parse(path).getroot()
    (suite,) = root.findall("testsuite")
    assert suite.get("name").startswith("<script>alert(1)</script>safe\\u202e")
    assert len(suite.findall("testcase")) == len(texts)
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "system-out"
    }  # fmt: skip


def test_limits_are_finite():
    (found,) = read_conditions(["colour>0"], GROUPS)
    assert math.isfinite(found.limit)
