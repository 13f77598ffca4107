import math

import pytest
from sklearn.metrics import roc_auc_score

from seewhy.audit.comparison import Said, TaskReport
from seewhy.audit.planted import Truth
from seewhy.audit.schema import Estimate
from seewhy.audit.scoring import (
    Case,
    cases_of,
    cross_validated,
    field_score,
    score,
    split_scores,
)

GROUPS = ("shape", "colour", "size", "mark")


def said(named, strength, p_values=None, *, family="resnet", reading="r", kind="trained"):
    return Said(
        reading=reading,
        kind=kind,
        case=family,
        family=family,
        named=list(named),
        strength=dict(zip(GROUPS, strength, strict=True)),
        p_values=dict(zip(GROUPS, p_values, strict=True)) if p_values else {},
        seconds=1.0,
    )


def truth(*drops, accuracy=1.0):
    return Truth(images=100, accuracy=accuracy, drops=dict(zip(GROUPS, drops, strict=True)))


def case(answer, drops, *, relied=("shape",), roles=None):
    roles = roles or {
        g: "full" if g in relied else ("absent" if g == "mark" else "unused") for g in GROUPS
    }
    return Case(answer, truth(*drops), roles, tuple(relied))


@pytest.mark.parametrize(
    ("named", "drops", "right"),
    [
        (["shape"], (1.0, 0.0, 0.0, 0.5), True),
        (["mark"], (1.0, 0.0, 0.0, 1.0), False),
        (["colour"], (0.5, 0.36, 0.0, 0.0), True),
        (["colour"], (0.5, 0.34, 0.0, 0.0), False),
        (["shape", "colour"], (0.6, 0.3, 0.0, 0.0), True),
        (["shape", "colour"], (1.0, 0.1, 0.0, 0.0), False),
        (["colour", "size"], (0.6, 0.3, 0.3, 0.0), False),
    ],
)
def test_a_name_is_right_when_its_flip_costs_nearly_the_most(named, drops, right):
    assert case(said(named, (1, 0, 0, 0)), drops).is_right is right


@pytest.mark.parametrize(
    ("attribute", "drops", "relies"),
    [
        ("shape", (0.25, 0, 0, 0), True),
        ("shape", (0.2, 0, 0, 0), None),
        ("shape", (0.05, 0, 0, 0), False),
        ("colour", (1, 0.5, 0, 0), None),
        ("colour", (1, -0.02, 0, 0), False),
        ("mark", (1, 0, 0, 0.5), None),
        ("mark", (1, 0, 0, 0.0), False),
    ],
)
def test_only_what_is_planted_and_confirmed_counts_as_relied_on(attribute, drops, relies):
    assert case(said([], (0, 0, 0, 0)), drops).relies(attribute) is relies


def test_scores_by_hand():
    cases = [
        case(said(["shape"], (0.9, 0.0, 0.2, None), (0.01, 0.5, 0.03, 1.0)), (1, 0, 0, 0)),
        case(said(["size"], (0.3, 0.1, 0.4, None), (0.2, 0.9, 0.01, 1.0)), (1, 0, 0, 0.4)),
        case(said([], (0.8, 0.0, 0.0, None), (0.04, 1.0, 1.0, 1.0)), (1, 0.2, 0, 0)),
    ]
    result = score("r", cases)
    assert result.models == 3
    assert result.decided == pytest.approx(2 / 3)
    assert result.right == 0.5
    # Ignored: three sizes, two colours (one is in doubt), two marks (one is in doubt).
    assert result.false_alarms == pytest.approx(2 / 7)
    assert result.false_alarms_unused == pytest.approx(2 / 5)
    assert result.false_alarms_absent == 0
    assert result.found == pytest.approx(2 / 3)
    assert result.p_below["0.05"] == pytest.approx(2 / 7)
    assert result.p_below["0.01"] == pytest.approx(1 / 7)
    strengths = [0.9, 0.0, 0.2, 0.0, 0.3, 0.1, 0.4, 0.8, 0.0, 0.0]
    relies = [1, 0, 0, 0, 1, 0, 0, 1, 0, 0]
    assert result.auroc == pytest.approx(roc_auc_score(relies, strengths))
    assert 0 < (result.rank_correlation or 0) < 1


def test_the_rank_correlation_of_the_truth_itself_is_one():
    cases = [
        case(said(["shape"], (0.3 + n / 10, 0.0, 0.0, None), (0, 1, 1, 1)), (0.3 + n / 10, 0, 0, 0))
        for n in range(5)
    ]
    assert score("r", cases).rank_correlation == pytest.approx(1.0)


def test_without_p_values_a_tenth_is_an_alarm_and_nothing_is_unknown():
    result = score("r", [case(said([], (0.5, 0.11, 0.09, None)), (1, 0, 0, 0))])
    assert result.false_alarms == pytest.approx(1 / 3)
    assert result.p_below == {}
    assert result.right is None


def test_no_cases_give_no_figures():
    result = score("r", [])
    assert (result.models, result.decided, result.right, result.auroc) == (0, 0.0, None, None)
    assert not math.isnan(result.seconds)


def report(answers, *, relied=("shape",), accuracy=1.0, losses=None):
    roles = {g: "full" if g in relied else "unused" for g in GROUPS}
    drops = [1.0 if g in relied else 0.0 for g in GROUPS]
    return TaskReport(
        task="+".join(relied),
        seed=0,
        classes=2,
        relied=list(relied),
        roles=roles,
        truths={a.case: truth(*drops, accuracy=accuracy) for a in answers},
        losses=losses or {},
        said=answers,
    )


def test_held_out_cases_are_told_by_attribute_and_architecture():
    reports = [
        report([said(["shape"], (1, 0, 0, 0)), said([], (1, 0, 0, 0), family="convnext")]),
        report([said(["size"], (0, 0, 1, 0))], relied=("size",)),
        report([said(["shape"], (1, 0, 0, 0))], accuracy=0.6),
    ]
    cases = cases_of(reports, "r")
    split = split_scores(cases, "r")
    assert (split.everything.models, split.chosen_by.models, split.held_out.models) == (3, 1, 2)
    assert split.held_out.decided == 0.5


def test_cross_validation_chooses_without_what_it_is_tested_on():
    # "a" is right about shape alone and "b" about everything else.
    def pair(relied):
        wrong = "colour" if relied == "shape" else "shape"
        good, bad = (relied, wrong) if relied == "shape" else (wrong, relied)
        return report(
            [
                said([good], (1, 0, 0, 0), reading="a"),
                said([bad], (1, 0, 0, 0), reading="b"),
            ],
            relied=(relied,),
        )

    reports = [pair("shape"), pair("colour"), pair("mark")]
    folds = {f.left_out: f for f in cross_validated(reports, ("a", "b"), GROUPS)}
    assert set(folds) == {"shape", "colour", "mark", "resnet"}
    assert folds["shape"].chosen == "b"
    assert folds["shape"].right == 0
    assert folds["colour"].right in {0, 1}


def lost(value, low=None, high=None):
    return Estimate(value=value, low=low, high=high, images=100)


def test_predicted_losses_are_scored_against_half_of_what_flipping_costs_two_classes():
    models = [said([], (0, 0, 0, 0), family=f) for f in ("resnet", "vgg", "convnext")]
    losses = {
        "resnet": {"shape": lost(0.45, 0.43, 0.52)},
        "vgg": {"shape": lost(0.3, 0.2, 0.35)},
        "convnext": {"shape": lost(None)},
    }
    reports = [
        report(models, losses=losses),
        report(models[:1], losses={"resnet": {"shape": lost(0.9, 0.8, 1.0)}}, accuracy=0.5),
    ]
    found = field_score(reports)
    assert (found.attributes, found.predicted) == (3, pytest.approx(2 / 3))
    assert found.error == pytest.approx((0.05 + 0.2) / 2)
    assert found.biased == pytest.approx(-(0.05 + 0.2) / 2)
    assert found.covered == 0.5
    kept, others = field_score(reports, held_out=False), field_score(reports, held_out=True)
    assert (kept.attributes, others.attributes) == (2, 1)
    assert (others.predicted, others.error, others.covered) == (0.0, None, None)


def test_halves_have_no_true_loss_and_are_not_scored():
    both = report([said([], (0, 0, 0, 0))], losses={"resnet": {"shape": lost(0.5, 0.4, 0.6)}})
    halves = both.model_copy(update={"roles": dict.fromkeys(GROUPS, "half")})
    found = field_score([halves])
    assert (found.attributes, found.predicted, found.rank_correlation) == (0, None, None)
