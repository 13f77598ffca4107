from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, integers, sampled_from

from seewhy.base.errors import UsageError
from seewhy.data.attributes import ATTRIBUTES
from seewhy.data.concepts import load_concepts
from seewhy.data.plants import HALF, make_plant
from seewhy.data.scenes import DIGITS


def agreement(plant, examples, attribute):
    values = plant.values[attribute]
    return np.mean([values.index(e.values[attribute]) == e.label for e in examples])


@given(seed=integers(0, 1000), attribute=sampled_from(ATTRIBUTES), digits=booleans())
@settings(max_examples=30)
def test_one_attribute_gives_the_class_away_and_no_other_does(seed, attribute, digits):
    digits = digits and attribute != "texture"
    plant = make_plant([attribute], seed, digits=digits)
    examples = plant.examples(600, "train")
    assert agreement(plant, examples, attribute) == 1
    for other in ATTRIBUTES:
        if plant.role(other) == "unused":
            assert abs(agreement(plant, examples, other) - 0.5) < 0.12
        elif plant.role(other) == "absent":
            assert {e.values[other] for e in examples} == set(plant.values[other])


def test_of_two_halves_each_goes_with_the_class_as_often_and_on_its_own():
    plant = make_plant(["shape", "mark"], 3, agreement=HALF)
    examples = plant.examples(4000, "audit")
    shape, mark = (
        np.array([plant.values[a].index(e.values[a]) == e.label for e in examples])
        for a in ("shape", "mark")
    )
    assert abs(shape.mean() - HALF) < 0.02
    assert abs(mark.mean() - HALF) < 0.02
    assert abs((shape & mark).mean() - HALF**2) < 0.02
    assert plant.role("shape") == "half"
    assert all(agreement(plant, plant.examples(50, "truth", agreement=1.0), a) == 1
               for a in ("shape", "mark"))  # fmt: skip


def test_twins_cannot_be_told_apart():
    plant = make_plant(["colour", "size"], 1, classes=3, agreement=1.0)
    assert plant.role("size") == "twin"
    assert plant.name == "colour=size/1"
    for example in plant.examples(30, "audit"):
        assert plant.values["colour"].index(example.values["colour"]) == example.label
        assert plant.values["size"].index(example.values["size"]) == example.label


@given(seed=integers(0, 200), attribute=sampled_from(ATTRIBUTES))
@settings(max_examples=20)
def test_a_flip_changes_one_value_and_nothing_else(seed, attribute):
    plant = make_plant(["colour"], seed, classes=3)
    example = plant.examples(3, "truth")[seed % 3]
    flipped = plant.flipped(example, attribute)
    assert {a for a in ATTRIBUTES if flipped.values[a] != example.values[a]} == {attribute}
    assert flipped.values[attribute] in plant.choices(attribute)
    assert (flipped.seed, flipped.label) == (example.seed, example.label)


@given(seed=integers(0, 500), digits=booleans(), classes=sampled_from((2, 3)))
@settings(max_examples=40)
def test_no_object_has_the_colour_of_its_background_and_all_captions_can_be_asked(
    seed, digits, classes
):
    plant = make_plant(["position"], seed, digits=digits, classes=classes)
    shown = [set(plant.choices(a)) for a in ("colour", "background colour")]
    assert not set(plant.values["colour"]) & set(plant.values["background colour"])
    assert all(len(plant.choices(a)) >= 2 for a in ATTRIBUTES), shown
    assert load_concepts(plant.concepts()).names == ATTRIBUTES
    if digits:
        assert set(plant.values["shape"]) <= set(DIGITS)
        assert "small" not in plant.values["size"]


def test_parts_share_no_picture_and_are_the_same_every_time():
    plant = make_plant(["mark"], 0)
    seeds = {
        part: {e.seed for e in plant.examples(40, part)} for part in ("train", "audit", "truth")
    }
    assert all(not one & two for one, two in combinations(seeds.values(), 2))
    first, second = (plant.records(4, "audit") for _ in range(2))
    assert [r.id for r in first] == [r.id for r in second]
    assert [r.read().tobytes() for r in first] == [r.read().tobytes() for r in second]
    assert {r.label for r in first} == set(plant.classes)


@pytest.mark.parametrize(
    ("relied", "options", "message"),
    [
        (["mood"], {}, "cannot plant"),
        (["colour", "colour"], {}, "cannot plant"),
        (["colour"], {"classes": 7}, "two or three classes"),
        (["texture"], {"digits": True}, "texture of digits"),
        (["size"], {"digits": True, "classes": 3}, "size of digits"),
    ],
)
def test_what_cannot_be_planted_is_refused(relied, options, message):
    with pytest.raises(UsageError, match=message):
        make_plant(relied, 0, **options)
