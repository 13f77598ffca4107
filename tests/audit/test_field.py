import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit.planted_readings import MODEL, planted, two_classes

from seewhy.audit.field import Cases, field_losses, outlook
from seewhy.audit.readings import ORIGINAL, Readings
from seewhy.audit.schema import Estimate, InterventionEffect
from seewhy.audit.shares import bootstrap_indices
from seewhy.data.concepts import ConceptGroups, load_concepts
from seewhy.data.records import ImageRecord

CLASSES = ("first", "second")
CONCEPTS = load_concepts(
    {
        "colour": {"red": ["a red digit", "something red"], "green": ["a green digit"]},
        "shape": {"five": ["a five"], "eight": ["an eight"]},
        "expected": {
            "first": {"colour": "red", "shape": "five"},
            "second": {"colour": "green", "shape": "eight"},
        },
    }
)


def cases(labels, values, right, changed=0, changed_right=0):
    """Two classes; the value that goes with a class has its number."""
    labels = np.array(labels)
    return Cases(
        labels=labels,
        values=np.array(values),
        usual=labels,
        right=np.array(right, dtype=bool),
        changed=np.zeros(len(labels)) + changed,
        changed_right=np.zeros(len(labels)) + changed_right,
    )


def everywhere(table, route="seen"):
    images = len(table.labels)
    return outlook(table, np.ones((1, images)), np.ones(images, dtype=bool), route=route)


def effect(name, removes):
    """An intervention that alters one group, as far as the prediction asks."""
    nothing = Estimate(value=None)
    return InterventionEffect(
        name=name,
        removes=removes,
        flipped=nothing,
        decision_change=nothing,
        accuracy=nothing,
        concept_change={},
    )


def labelled(readings, shape, colour=None):
    """The same readings with the shape as the label, and the true colours where given."""
    colours = [None] * len(shape) if colour is None else colour
    records = tuple(
        ImageRecord(
            record.id,
            read=record.read,
            label=CLASSES[0] if s > 0 else CLASSES[1],
            attributes={} if c is None else {"colour": "red" if c > 0 else "green"},
        )
        for record, s, c in zip(readings.records, shape, colours, strict=True)
    )
    return Readings(records, readings.similarities, readings.logits, readings.failures)


def losses(readings, effects=(), concepts=CONCEPTS, resamples=200):
    drawn = bootstrap_indices(len(readings), resamples, np.random.default_rng(0))
    return field_losses(readings, MODEL, CLASSES, concepts, effects=effects, resamples=drawn)


def biased_colours(images, share, seed=0):
    """Shapes at random, and colours that go with them in this share of the images."""
    generator = np.random.default_rng(seed)
    shape = generator.choice([-1.0, 1.0], size=images)
    return shape, np.where(generator.random(images) < share, shape, -shape)


def test_a_case_by_hand():
    """8 of 10 agree, 4 of 5 images a class: w = 1/2, 8/8 right along and 1/2 right against."""
    table = cases([0] * 5 + [1] * 5, [0, 0, 0, 0, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 1, 1, 1, 1, 1])
    found = everywhere(table)
    assert found.accuracy == pytest.approx([0.9])
    assert found.agreement == pytest.approx([0.8])
    assert found.independent == pytest.approx([0.5])
    assert found.predicted == pytest.approx([0.5 * 1 + 0.5 * 0.5])
    assert found.loss == pytest.approx([0.15])


def test_the_share_of_agreement_follows_the_frequencies():
    """Classes 3:1 and values 2:2, so w = 3/4 1/2 + 1/4 1/2; values 3:1 give 9/16 + 1/16."""
    even = cases([0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1])
    uneven = cases([0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1])
    assert everywhere(even).independent == pytest.approx([0.5])
    assert everywhere(uneven).independent == pytest.approx([10 / 16])


@given(seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_it_is_the_accuracy_after_weighting_to_independence(seed):
    """With as many images of each class, in which a class agrees as often as the other."""
    generator = np.random.default_rng(seed)
    along, against = generator.integers(2, 9, size=2)
    values = np.array([0] * along + [1] * against + [1] * along + [0] * against)
    labels = np.repeat([0, 1], along + against)
    right = generator.random(len(labels)) < 0.6
    joint = np.array([[np.mean((labels == c) & (values == v)) for v in (0, 1)] for c in (0, 1)])
    weights = (joint.sum(1)[:, None] * joint.sum(0) / joint)[labels, values]
    expected = (weights * right).sum() / weights.sum()
    assert everywhere(cases(labels, values, right)).predicted == pytest.approx([expected])


@given(seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_weights_count_images(seed):
    generator = np.random.default_rng(seed)
    labels, values, right = generator.integers(2, size=(3, 12))
    weights = generator.integers(1, 4, size=12)
    whole = outlook(
        cases(labels, values, right),
        weights[None].astype(float),
        np.ones(12, dtype=bool),
        route="seen",
    )
    repeated = everywhere(cases(*(np.repeat(x, weights) for x in (labels, values, right))))
    assert whole.predicted == pytest.approx(repeated.predicted, nan_ok=True)
    assert whole.independent == pytest.approx(repeated.independent)


def test_nothing_is_lost_where_values_are_independent_already():
    table = cases([0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 1])
    assert everywhere(table).loss == pytest.approx([0])


def test_made_cases_stand_in_for_seen_ones():
    """All agree and are right; of three changed versions each one is right: 1/2 + 1/2 1/3."""
    table = cases([0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1], changed=3, changed_right=1)
    assert everywhere(table, "pixels").predicted == pytest.approx([0.5 + 0.5 / 3])
    assert np.isnan(everywhere(table, "seen").predicted).all()


def test_a_class_by_itself():
    """The first class loses all where its value goes (w = 1/2), the second nothing."""
    table = cases([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0], [1, 1, 0, 1, 1, 1])
    weights = np.ones((1, 6))
    first, second = (
        outlook(table, weights, table.labels == number, route="seen") for number in (0, 1)
    )
    assert first.predicted == pytest.approx([0.5])
    assert first.loss == pytest.approx([2 / 3 - 1 / 2])
    assert second.loss == pytest.approx([0])


def test_what_is_predicted_for_a_biased_model_is_what_happens():
    """It decides by colour, which goes with the class in 80 % of the images: 80 % now, then 50."""
    shape, colour = biased_colours(2000, 0.8)
    readings = labelled(planted(colour, shape, 9 * colour), shape, colour)
    found = losses(readings)["colour"]
    field_shape, field_colour = biased_colours(2000, 0.5, seed=1)
    truth = np.mean(field_shape == field_colour)
    assert found.route == "seen"
    assert found.accuracy.value == pytest.approx(0.8, abs=0.03)
    assert found.predicted.value == pytest.approx(truth, abs=0.03)
    assert found.loss.value == pytest.approx(0.8 - truth, abs=0.03)
    assert found.loss.low < found.loss.value < found.loss.high
    assert found.counterfactual.value == pytest.approx(found.loss.value)
    assert set(found.per_class) == set(CLASSES)
    assert found.per_class["first"].value == pytest.approx(0.3, abs=0.05)


def test_a_model_that_ignores_the_colour_loses_nothing():
    shape, colour = biased_colours(500, 0.8)
    found = losses(labelled(planted(colour, shape, 9 * shape), shape))["colour"]
    assert found.loss.value == pytest.approx(0)
    assert found.counterfactual.reason == "the true values are not known"


def test_where_the_images_hold_no_case_against_the_pixels_make_them():
    shape, colour = biased_colours(200, 1.0)
    readings = planted(
        colour,
        shape,
        9 * colour,
        swap=(-colour, shape, -9 * colour),
        nothing=(colour, shape, 9 * colour),
    )
    effects = [effect("swap", "colour"), effect("nothing", "colour")]
    found = losses(labelled(readings, shape), effects)["colour"]
    assert found.route == "pixels"
    assert found.loss.value == pytest.approx(0.5, abs=0.01)
    assert found.agreement == 1


def test_versions_still_read_with_the_same_value_make_no_case():
    shape, colour = biased_colours(200, 1.0)
    readings = planted(colour, shape, 9 * colour, grey=(colour, shape, -9 * colour))
    found = losses(labelled(readings, shape), [effect("grey", "colour")])["colour"]
    assert found.loss.value is None
    assert found.loss.reason == (
        "only 0 images go against the class, and changing the pixels makes too few"
    )


def test_a_few_misread_values_are_no_case_against():
    """4 % read wrongly would make a biased model look safe; the pixels tell the truth."""
    shape, colour = biased_colours(1000, 1.0)
    misread = np.where(np.random.default_rng(3).random(1000) < 0.04, -colour, colour)
    readings = planted(misread, shape, 9 * colour, swap=(-misread, shape, -9 * colour))
    found = losses(labelled(readings, shape), [effect("swap", "colour")])["colour"]
    assert found.route == "pixels"
    assert found.loss.value > 0.4


def test_the_counterfactual_needs_true_values_in_all_combinations():
    shape, colour = biased_colours(200, 1.0)
    readings = planted(colour, shape, 9 * colour, swap=(-colour, shape, -9 * colour))
    found = losses(labelled(readings, shape, colour), [effect("swap", "colour")])["colour"]
    assert found.counterfactual.reason == "the true values hardly ever part from the class"


def test_what_the_class_means_cannot_part_from_it():
    concepts = ConceptGroups(
        CONCEPTS.groups, {"five": {"shape": "five"}, "eight": {"shape": "eight"}}
    )
    shape, colour = biased_colours(200, 0.9)
    readings = planted(colour, shape, 9 * shape)
    records = tuple(
        ImageRecord(r.id, read=r.read, label="five" if s > 0 else "eight")
        for r, s in zip(readings.records, shape, strict=True)
    )
    named = Readings(records, readings.similarities, readings.logits, ())
    found = field_losses(
        named, MODEL, ("five", "eight"), concepts, effects=(),
        resamples=bootstrap_indices(200, 20, np.random.default_rng(0)),
    )  # fmt: skip
    assert "cannot part" in found["shape"].loss.reason
    assert found["colour"].loss.reason == ""
    assert found["colour"].loss.value == pytest.approx(0)


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (planted(*biased_colours(50, 0.8), two_classes(np.ones(50))[:, 0]), "no labels"),
        (
            labelled(planted(np.ones(50), np.ones(50), np.ones(50)), np.ones(50)),
            "only 0 images go against",
        ),
        (
            labelled(planted(*biased_colours(10, 0.8), np.ones(10)), np.ones(10)),
            "images have the value that goes with their class",
        ),
    ],
)
def test_what_cannot_be_predicted_has_a_reason(readings, reason):
    found = losses(readings)["colour"]
    assert found.loss.value is None
    assert reason in found.loss.reason
    assert (found.route, found.per_class) == (None, {})


def test_colours_that_go_with_no_class_have_no_usual_value():
    shape, colour = biased_colours(200, 0.5)
    readings = labelled(planted(colour, shape, 9 * colour), shape)
    free = ConceptGroups(CONCEPTS.groups)
    assert losses(readings, concepts=free)["colour"].loss.reason == (
        "its values do not go with the classes"
    )
    assert ORIGINAL in readings.similarities


def test_exchanges_count_in_the_images_where_they_altered_nothing_else():
    shape, colour = biased_colours(200, 1.0)
    # In every other image the shape's value changes too, and the answer follows neither.
    odd = np.where(np.arange(200) % 2 == 1, -1.0, 1.0)
    readings = planted(
        colour,
        shape,
        9 * colour,
        other_object_colour=(-colour, odd * shape, -9 * odd * colour),
        swap=(-colour, shape, 9 * colour),
    )
    found = losses(labelled(readings, shape), [effect("swap", "colour")])["colour"]
    assert found.route == "pixels"
    assert found.loss.value == pytest.approx(0.5, abs=0.01)


def test_too_few_exchanges_leave_it_to_the_other_changes():
    shape, colour = biased_colours(200, 1.0)
    few = np.where(np.arange(200) < 19, -1.0, 1.0)
    readings = planted(
        colour,
        shape,
        9 * colour,
        other_object_colour=(few * colour, shape, 9 * colour),
        swap=(-colour, shape, -9 * colour),
    )
    found = losses(labelled(readings, shape), [effect("swap", "colour")])["colour"]
    assert found.loss.value == pytest.approx(0.5, abs=0.01)
