from dataclasses import replace

import numpy as np
import pytest
from tests.audit.planted_readings import CONCEPTS, MODEL, independent, planted, two_classes

from seewhy.audit.controls import exceedance
from seewhy.audit.evidence import Resamples, spread
from seewhy.audit.readings import ORIGINAL, untrained_name
from seewhy.audit.rows import (
    CONTROL_IMAGES,
    LEAST_APART,
    captions_control,
    control_records,
    untrained_control,
    voting_rows,
)
from seewhy.data.records import ImageRecord

COLOUR, SHAPE = independent(100)
PROBE = planted(*independent(50, seed=1), np.tile([3.0, -3.0], 25))


def test_counterfactuals_come_first_and_exchanges_are_theirs_alone():
    readings = planted(
        COLOUR,
        SHAPE,
        40 * COLOUR,
        other_object_colour=(-COLOUR, SHAPE, -40 * COLOUR),
        hue_turn=(-COLOUR, SHAPE, 40 * COLOUR),
        patch_shuffle=(COLOUR, -SHAPE, 40 * COLOUR),
    )
    rows = voting_rows(
        readings,
        PROBE,
        MODEL,
        concepts=CONCEPTS,
        resamples=Resamples.draw(100, 50, resamples=100, seed=0),
        seed=0,
    )
    assert [(each.row.name, each.row.images) for each in rows] == [
        ("counterfactuals", "yours"),
        ("decision-share", "yours"),
        ("probe-share", "probe"),
        ("interventions", "yours"),
    ]
    assert rows[0].points[0] == 1.0
    # The hues that were turned changed nothing, and this row knows of no exchange.
    assert rows[3].points[0] == 0.0
    assert "other object colour" not in rows[3].row.note
    assert "hue turn" in rows[3].row.note


def with_copies(margin, copies):
    readings = planted(COLOUR, SHAPE, margin)
    logits = {
        untrained_name(MODEL, number): {ORIGINAL: two_classes(copy)}
        for number, copy in enumerate(copies)
    }
    return replace(readings, logits={**readings.logits, **logits})


def test_the_control_compares_how_much_the_answers_vary():
    copies = [COLOUR * size for size in (0.01, 0.02, 0.05)]
    readings = with_copies(4 * SHAPE, copies)
    p_value, control = untrained_control(readings, MODEL, copies=3)
    null = [spread(readings.probabilities(untrained_name(MODEL, n))) for n in range(3)]
    # Two classes whose chance of being named is q and 1 - q by turns vary by 2 var(q).
    assert null[2] == pytest.approx(2 * (0.05 * COLOUR / 4).var(), rel=0.01)
    assert p_value == exceedance(spread(readings.probabilities(MODEL)), null)
    assert p_value < 0.01
    assert control.holds is None
    assert control.value == max(null)
    assert f"p = {p_value:.2g}" in control.note
    assert "3 untrained copies" in control.note


def test_a_copy_of_the_same_kind_is_no_evidence():
    p_value, _ = untrained_control(with_copies(4 * SHAPE, [4 * COLOUR] * 5), MODEL, copies=5)
    assert p_value == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("images", [1, 79, 80, 81, 300])
def test_copies_see_at_most_eighty_images_each_once(images):
    records = [ImageRecord(str(number), read=lambda: None) for number in range(images)]
    chosen = [record.id for record in control_records(records, seed=1)]
    assert len(set(chosen)) == len(chosen) == min(images, CONTROL_IMAGES)
    assert chosen == [record.id for record in control_records(records, seed=1)]
    if images > 1:
        assert chosen != [record.id for record in control_records(records, seed=2)]


def exchanged(alone, both):
    """A hundred images: in so many an exchange changes the colour alone, in so many both."""
    colour, shape = np.ones(100), np.ones(100)
    colour[: alone + both] = -1
    shape[:both] = -1
    after = (COLOUR * colour, SHAPE * shape, COLOUR)
    # What changes the whole picture may change several concepts, and proves nothing.
    return planted(COLOUR, SHAPE, COLOUR, other_object_colour=after, grey=(-COLOUR, -SHAPE, COLOUR))


@pytest.mark.parametrize(
    ("alone", "both", "holds"),
    [(70, 30, True), (69, 31, False), (15, 0, True), (14, 0, None), (0, 15, False), (0, 0, None)],
)
def test_captions_suit_where_one_thing_changes_and_one_concept_follows(alone, both, holds):
    control = captions_control(exchanged(alone, both), CONCEPTS)
    assert control.holds is holds
    assert control.value == (alone / (alone + both) if alone + both else None)
    assert f"{alone} of {alone + both} changed images" in control.note
    assert f"{LEAST_APART:.0%}" in control.note
