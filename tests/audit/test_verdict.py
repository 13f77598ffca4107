from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import booleans, floats, lists, tuples
from numpy.testing import assert_allclose

from seewhy.audit.evidence import CONSTANT, Shares, estimates, silent
from seewhy.audit.schema import Control, Estimate, EvidenceRow
from seewhy.audit.verdict import (
    LEAST_EFFECT,
    Case,
    Guessing,
    combine,
    judge,
)

GROUPS = ("colour", "shape")
SURE, BY_CHANCE_ALONE = 1e-6, 0.4
NAMES = ("decision-share", "probe-share", "interventions")


def row(points, *, name="probe-share", width=0.02, votes=True, known=None):
    """A row whose draws scatter around its points; it names a group that clearly leads."""
    known = known or (True,) * len(points)
    noise = np.random.default_rng(len(name)).uniform(-width, width, (len(points), 200))
    points = np.where(known, points, 0.0)
    draws = np.clip(points[:, None] + noise, 0, 1) * np.array(known)[:, None]
    shares = estimates(GROUPS[: len(points)], points, draws, 100)
    for group, is_known in zip(GROUPS, known, strict=True):
        if not is_known:
            shares[group] = Estimate(value=None, reason="not measured")
    order = np.argsort(-points)
    leads = votes and all(known) and np.quantile(draws[order[0]] - draws[order[1]], 0.025) > 0
    evidence = EvidenceRow(
        name=name,
        images="yours",
        shares=shares,
        dominant=GROUPS[order[0]] if leads else None,
        votes=votes,
        note=f"Note of {name}.",
    )
    return Shares(evidence, points, draws, known)


def counterfactual(points, p_values=(SURE, SURE), *, known=None, constant=(False, False)):
    """The row that has a test of its own."""
    made = row(points, name="counterfactuals", known=known)
    return replace(made, p_values=np.array(p_values), constant=constant)


def three_rows(points):
    return [row(points, name=name) for name in NAMES]


GOOD = Case(
    model="my model",
    groups=GROUPS,
    rows=three_rows((0.9, 0.05)),
    silent=[row((0.5, 0.5), name="graft-readable", votes=False).row],
    p_value=0.001,
    controls=[
        Control(name="identity graft", expectation="nothing", value=0.0, holds=True),
        Control(name="untrained copies", expectation="less", value=0.1, holds=None),
    ],
    guessing={group: Guessing(right=95, images=100, p_value=1e-20) for group in GROUPS},
)


def verdict(**changes):
    return judge(replace(GOOD, **changes), level=0.05)


@pytest.mark.parametrize("dominant", GROUPS)
def test_a_clear_and_agreed_lead_is_named(dominant):
    points = (0.9, 0.05) if dominant == "colour" else (0.05, 0.9)
    found = verdict(rows=three_rows(points))
    other = GROUPS[1 - GROUPS.index(dominant)]
    assert found.dominant == dominant
    assert not found.undecided
    assert found.effect == pytest.approx(0.85)
    assert found.interval[0] < 0.85 < found.interval[1]
    assert found.interval[1] - found.interval[0] < 0.08
    assert found.p_value == 0.001
    assert found.shares[dominant].value == pytest.approx(0.9)
    assert found.shares[other].value == pytest.approx(0.05)
    assert found.sentence == (
        f"my model decides by {dominant}: 90 % of its decision goes back to {dominant}, "
        f"5 % to {other}."
    )
    assert found.reason.startswith(f"3 of 3 voting rows name {dominant} on their own")
    assert "after retraining" in " ".join(found.next_steps).lower()


def test_everything_known_is_handed_on():
    found = verdict()
    assert [each.name for each in found.evidence] == ["graft-readable", *NAMES]
    assert found.controls == GOOD.controls
    assert found.model == "my model"
    assert found.shares["colour"].images == 100


def undecided(message, **changes):
    found = verdict(**changes)
    assert found.undecided
    assert found.dominant is None
    assert found.sentence.startswith(
        "Undecided: the evidence does not say what my model relies on."
    )
    assert message in found.reason
    assert found.next_steps
    return found


BY_CHANCE = Guessing(right=52, images=100, p_value=0.38)


def test_a_model_that_guesses_where_the_group_goes_with_the_class_does_not_decide_by_it():
    found = undecided(
        "Where colour goes with the class, the model is right on 52 of 100 images, which guessing",
        guessing=GOOD.guessing | {"colour": BY_CHANCE},
    )
    assert "right on 52 of 100" in found.sentence


def test_guessing_where_another_group_goes_with_the_class_raises_no_doubt():
    assert verdict(guessing=GOOD.guessing | {"shape": BY_CHANCE}).dominant == "colour"


def test_images_without_labels_raise_no_doubt():
    assert verdict(guessing={}).dominant == "colour"


def test_untrained_copies_whose_answers_vary_as_much_raise_doubt():
    found = undecided("The answers of untrained copies of the model vary as much", p_value=0.2)
    assert "(p = 0.2)" in found.reason
    assert found.p_value == 0.2


def test_a_control_that_was_not_asked_for_raises_no_doubt():
    assert verdict(p_value=None).dominant == "colour"


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_the_level_is_the_largest_p_value_that_is_believed(level):
    for p_value, is_undecided in ((level, False), (level * 1.01, True)):
        assert judge(replace(GOOD, p_value=p_value), level=level).undecided == is_undecided
        guessing = {"colour": Guessing(right=1, images=2, p_value=p_value)}
        assert judge(replace(GOOD, guessing=guessing), level=level).undecided == is_undecided


def test_a_small_lead_is_no_lead_however_sure_it_is():
    rows = [row((0.50, 0.41), name=name, width=1e-4) for name in NAMES]
    found = verdict(rows=rows)
    assert found.effect == pytest.approx(0.09)
    assert found.effect < LEAST_EFFECT
    assert (found.dominant, found.undecided) == (None, False)
    assert found.relied_on == ["colour", "shape"]
    rows = [row((0.51, 0.40), name=name, width=1e-4) for name in NAMES]
    found = verdict(rows=rows)
    assert found.dominant == "colour"
    assert found.relied_on == ["colour", "shape"]


def test_a_lead_whose_interval_reaches_zero_is_no_lead():
    found = verdict(rows=[row((0.6, 0.42), width=0.3)])
    assert found.effect > LEAST_EFFECT
    assert found.interval[0] < 0 < found.interval[1]
    assert found.dominant is None
    assert found.relied_on == ["colour", "shape"]


def test_two_groups_that_count_alike_are_named_together():
    found = verdict(rows=[counterfactual((0.45, 0.5))])
    assert (found.dominant, found.undecided) == (None, False)
    assert found.relied_on == ["shape", "colour"]
    assert found.sentence.startswith("my model decides by shape and colour together: 50 %")
    assert found.sentence.index("50 %") < found.sentence.index("45 %")
    assert "shape or colour on their own" in found.reason
    assert "shape and colour" in found.next_steps[0]


def test_a_share_that_ignoring_the_group_would_give_is_not_relied_on():
    found = verdict(rows=[counterfactual((0.3, 0.28), (SURE, BY_CHANCE_ALONE))])
    assert found.relied_on == ["colour"]
    assert found.dominant == "colour"
    assert found.p_values == {"colour": SURE, "shape": BY_CHANCE_ALONE}
    found = verdict(rows=[counterfactual((0.3, 0.29), (BY_CHANCE_ALONE, SURE))])
    assert (found.dominant, found.relied_on) == ("shape", ["shape"])
    assert found.effect == pytest.approx(-0.01)
    undecided(
        "Not even colour accounts for more than a decision that ignores it would give.",
        rows=[counterfactual((0.3, 0.2), (BY_CHANCE_ALONE, BY_CHANCE_ALONE))],
    )


@pytest.mark.parametrize(("share", "p_value", "counts"), [
    (LEAST_EFFECT, 0.05, True), (LEAST_EFFECT - 1e-9, SURE, False), (1.0, 0.0501, False),
])  # fmt: skip
def test_what_is_relied_on_has_a_tenth_of_the_decision_and_an_unlikely_share(
    share, p_value, counts
):
    found = verdict(rows=[counterfactual((share, 0.0), (p_value, 1.0))])
    assert found.relied_on == ["colour"] * counts
    assert found.undecided is not counts


def test_doubts_leave_nothing_relied_on():
    found = undecided("vary as much", p_value=0.9)
    assert found.relied_on == []
    assert found.p_values["colour"] < 0.05


def test_another_row_may_name_a_group_that_is_relied_on_too():
    others = [row((0.1, 0.8), name="decision-share")]
    found = verdict(rows=[counterfactual((0.5, 0.45)), *others])
    assert found.relied_on == ["colour", "shape"]
    assert found.reason.startswith("2 of 2 voting rows name colour or shape on their own")


def test_a_row_is_not_asked_about_what_counterfactuals_measured_and_its_word_is_told():
    others = [row((0.1, 0.8), name="decision-share")]
    found = verdict(rows=[counterfactual((0.5, 0.0), (SURE, 1.0)), *others])
    assert found.dominant == "colour"
    assert found.reason.endswith("decision-share names shape, for which another row speaks.")


def test_a_row_that_speaks_for_the_group_it_names_can_disagree():
    unmeasured = counterfactual((0.5, 0.0), (SURE, 1.0), known=(True, False))
    undecided(
        "The evidence disagrees: another group is named by decision-share",
        rows=[unmeasured, row((0.01, 0.09), name="decision-share")],
    )


def test_a_group_that_does_not_vary_raises_no_doubt():
    rows = [counterfactual((0.7, 0.0), known=(True, False), constant=(False, True))]
    for others in ([], [row((0.7, 0.6), name="interventions")]):
        found = verdict(rows=[*rows, *others])
        assert found.dominant == "colour"
        assert found.shares["shape"] == Estimate(value=None, reason=CONSTANT)
        assert found.p_values["shape"] == 1.0


def test_a_group_that_varies_and_was_not_measured_does():
    rows = [counterfactual((0.7, 0.0), known=(True, False))]
    found = undecided("No voting row measures shape.", rows=rows)
    assert found.shares["shape"].reason == "no voting row measures it"


def test_rows_that_disagree_are_named():
    rows = [*three_rows((0.9, 0.05))[:2], row((0.05, 0.15), name="interventions")]
    undecided("another group is named by interventions", rows=rows)


def test_a_row_that_names_nothing_does_not_disagree():
    rows = [*three_rows((0.9, 0.05))[:2], row((0.5, 0.5), name="interventions")]
    found = verdict(rows=rows)
    assert found.dominant == "colour"
    assert found.reason.startswith("2 of 3 voting rows name colour")


def test_a_failed_control_is_named():
    controls = [*GOOD.controls, Control(name="far", expectation="", value=9.0, holds=False)]
    undecided("Control failed: far.", controls=controls)


def test_without_votes_there_is_no_verdict_and_no_number():
    rows = [silent(name, GROUPS, f"no {name}") for name in NAMES]
    found = undecided("No row of evidence could vote", rows=rows)
    assert all(f"No vote: no {name}." in found.reason for name in NAMES)
    assert (found.effect, found.interval) == (None, None)
    assert all(share.value is None for share in found.shares.values())
    assert [each.name for each in found.evidence] == ["graft-readable", *NAMES]
    assert any("--probe" in step for step in found.next_steps)


def test_a_group_that_no_voting_row_measured_is_not_taken_for_zero():
    rows = [row((0.9, 0.0), name="interventions", known=(True, False))]
    found = undecided("No voting row measures shape.", rows=rows)
    assert found.shares["shape"].value is None
    assert found.shares["colour"].value == pytest.approx(0.9)


def test_all_reasons_are_told_at_once():
    found = verdict(
        controls=[Control(name="far", expectation="", value=9.0, holds=False)],
        p_value=0.5,
        guessing={"colour": BY_CHANCE},
    )
    for words in ("which guessing could", "untrained copies", "Control failed: far."):
        assert words in found.reason


def test_images_that_cannot_separate_lead_to_the_advice_to_add_some():
    rows = [
        row((0.0, 0.0), name="decision-share", votes=False),
        row((0.05, 0.04), name="probe-share"),
    ]
    found = undecided("Not even colour", rows=rows)
    assert any("--probe" in step for step in found.next_steps)
    voted = undecided("Not even colour", rows=three_rows((0.05, 0.04)))
    assert not any("--probe" in step for step in voted.next_steps)


POINTS = tuples(floats(0, 1), floats(0, 1))


@given(table=lists(POINTS, min_size=1, max_size=4))
def test_rows_are_averaged(table):
    rows = [row(points) for points in table]
    found = combine(rows)
    assert_allclose(found.points, np.mean(table, axis=0), atol=1e-12)
    assert_allclose(found.draws, np.mean([each.draws for each in rows], axis=0), atol=1e-12)
    assert found.known == (True, True)


def test_a_group_is_averaged_over_the_rows_that_measured_it():
    rows = [
        row((0.8, 0.2)),
        row((0.4, 0.0), known=(True, False)),
        row((1.0, 1.0), votes=False),
    ]
    found = combine(rows)
    assert_allclose(found.points, [0.6, 0.2])
    assert_allclose(found.draws[1], rows[0].draws[1])
    assert_allclose(found.draws[0], (rows[0].draws[0] + rows[1].draws[0]) / 2)
    assert found.known == (True, True)
    assert combine(rows[1:]).known == (True, False)


def test_no_votes_combine_to_nothing():
    assert combine([]) is None
    assert combine([row((0.5, 0.5), votes=False)]) is None


def test_counterfactuals_alone_speak_for_what_they_measured():
    rows = [
        counterfactual((0.3, 0.0), (SURE, 1.0), known=(True, False)),
        row((0.9, 0.4), name="decision-share"),
        row((0.3, 0.2), name="probe-share"),
    ]
    found = combine(rows)
    assert_allclose(found.points, [0.3, 0.3])
    assert_allclose(found.draws[0], rows[0].draws[0])
    assert_allclose(found.draws[1], (rows[1].draws[1] + rows[2].draws[1]) / 2)
    assert found.known == (True, True)
    assert_allclose(found.p_values, [SURE, 1 / 201])
    assert found.speakers == ({"counterfactuals"}, {"decision-share", "probe-share"})


def test_by_the_mean_counterfactuals_are_a_row_like_the_others():
    rows = [
        counterfactual((0.3, 0.0), (BY_CHANCE_ALONE, 1.0), known=(True, False)),
        row((0.9, 0.4), name="decision-share"),
        row((0.3, 0.2), name="probe-share"),
    ]
    found = combine(rows, "mean")
    assert_allclose(found.points, [0.5, 0.3])
    assert_allclose(found.draws[0], np.mean([each.draws[0] for each in rows], axis=0))
    # No row with a test speaks alone, so the draws are asked.
    assert_allclose(found.p_values, [1 / 201, 1 / 201])
    case = replace(GOOD, rows=rows)
    assert judge(case, level=0.05, combination="mean").dominant == "colour"
    assert judge(case, level=0.05).dominant == "shape"


@given(points=tuples(*[floats(0, 1)] * 2), known=lists(booleans(), min_size=2, max_size=2))
def test_counterfactuals_that_measured_everything_leave_nothing_to_the_other_rows(points, known):
    alone = counterfactual(points, known=tuple(known))
    found = combine([alone, *three_rows((0.4, 0.6))])
    for group, is_known in enumerate(known):
        expected = points[group] if is_known else (0.4, 0.6)[group]
        assert found.points[group] == pytest.approx(expected)


def test_without_a_test_the_p_value_counts_negligible_draws():
    draws = np.array([[0.04, 0.05, 0.06, 0.5], [0.2, 0.2, 0.2, 0.2]])
    found = combine([replace(row((0.3, 0.2)), draws=draws)])
    assert_allclose(found.p_values, [3 / 5, 1 / 5])


def test_a_constant_group_is_left_out_of_all_rows():
    rows = [counterfactual((0.7, 0.0), known=(True, False), constant=(False, True))]
    found = combine([*rows, row((0.2, 0.9))])
    assert_allclose(found.points, [0.7, 0.0])
    assert_allclose(found.draws[1], 0.0)
    assert (found.known, found.constant) == ((True, False), (False, True))
    assert found.p_values[1] == 1.0
    assert combine([row((0.2, 0.9))]).constant == (False, False)
