import numpy as np
import pytest
from tests.audit.planted_readings import CONCEPTS, MODEL, independent, planted
from tests.audit.test_field import effect, labelled

from seewhy.audit.slices import class_rows, shares_within, slice_rows

CLASSES = ("first", "second")
EFFECTS = [effect("swap", "colour"), effect("blur", "shape"), effect("noise", None)]


def readings(images=400):
    """Decides by colour; the swap turns the colour, the blur takes the shape."""
    colour, shape = independent(images)
    return labelled(
        planted(
            colour,
            shape,
            9 * colour,
            swap=(-colour, shape, -9 * colour),
            blur=(colour, shape * 0, 9 * colour),
            noise=(colour, shape, 9 * colour),
        ),
        shape,
    )


def test_each_value_has_its_slice():
    colour, shape = independent(400)
    rows = {
        (row.group, row.value): row
        for row in slice_rows(readings(), MODEL, CLASSES, CONCEPTS, effects=EFFECTS, seed=0)
    }
    assert list(rows) == [
        ("colour", "red"), ("colour", "green"), ("shape", "five"), ("shape", "eight")
    ]  # fmt: skip
    red = rows["colour", "red"]
    assert red.images == (colour > 0).sum()
    assert red.accuracy.value == pytest.approx((shape[colour > 0] > 0).mean())
    assert red.answers == {"first": 1.0}
    assert rows["shape", "five"].answers == pytest.approx(
        {"first": (colour[shape > 0] > 0).mean(), "second": (colour[shape > 0] < 0).mean()}
    )
    assert {name: share.value for name, share in red.flipped.items()} == {
        "swap": 1.0, "blur": 0.0, "noise": 0.0
    }  # fmt: skip


def test_a_value_that_no_image_has_makes_no_slice():
    colour, shape = independent(60)
    alike = labelled(planted(abs(colour), shape, shape), shape)
    rows = slice_rows(alike, MODEL, CLASSES, CONCEPTS, effects=[], seed=0)
    assert [row.value for row in rows] == ["red", "five", "eight"]


def test_the_commonest_answers_come_first_and_no_more_than_five():
    from seewhy.audit.slices import _commonest

    answers = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 7])
    assert list(_commonest(answers, list("abcdefgh"))) == list("gfedc")


def test_class_rows_count_what_flips_by_the_changes_of_one_group():
    rows = class_rows(readings(), MODEL, CLASSES, CONCEPTS, effects=EFFECTS, seed=0)
    assert [row.name for row in rows] == list(CLASSES)
    for row in rows:
        assert {name: share.value for name, share in row.flipped.items()} == {
            "colour": 1.0, "shape": 0.0
        }  # fmt: skip
        assert row.shares["colour"].value > 0.95
        assert row.shares["shape"].value < 0.05


def test_without_labels_the_answers_are_the_classes():
    colour, shape = independent(100)
    plain = planted(colour, shape, 9 * shape)
    rows = class_rows(plain, MODEL, CLASSES, CONCEPTS, effects=[], seed=0)
    assert [row.images for row in rows] == [(shape > 0).sum(), (shape < 0).sum()]
    assert {row.accuracy.reason for row in rows} == {"no labels"}


def test_the_share_within_a_class_is_what_its_own_group_explains():
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, 600, 1))
    outcomes = 2 * first + second
    shares = shares_within({"first": first, "second": second}, outcomes, generator)
    assert shares["first"].value == pytest.approx(0.8, abs=0.05)
    assert shares["second"].value == pytest.approx(0.2, abs=0.05)
    assert shares["first"].low < 0.8 < shares["first"].high


@pytest.mark.parametrize(
    ("images", "width", "scale", "reason"),
    [
        (49, 1, 1.0, "fewer than 50 images"),
        (80, 17, 1.0, "fewer than 85 images"),
        (60, 1, 1e-3, "its decisions hardly vary"),
    ],
)
def test_a_share_of_too_little_is_not_given(images, width, scale, reason):
    generator = np.random.default_rng(0)
    features = {"only": generator.standard_normal((images, width))}
    outcomes = scale * generator.standard_normal((images, 2))
    assert shares_within(features, outcomes, generator)["only"].reason == reason
