import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.methods.mutual_knowledge.golden import arrays

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.dynamics import (
    auc,
    chance_level,
    deletion_curve,
    mean_curve,
    summarised,
)
from seewhy.methods.mutual_knowledge.overlap import matching_pairs, overlap_information

NOTHING = -7


def stored():
    return arrays("language_mutual")


def stored_lists():
    return [row[row >= 0].tolist() for row in stored()["image_ids"]]


def stored_curves(rows):
    language = stored()["top_ids"]
    lists_ = stored_lists()
    return [
        deletion_curve(lists_[vision], language[row].tolist()) for row, vision in enumerate(rows)
    ]


def step_by_step(vision, language):
    """Entries replaced one after another by what matches nothing, the index anew each time."""
    left, values = list(vision), []
    for position in range(len(vision) + 1):
        matches = matching_pairs(left, language)
        values.append(overlap_information(len(left), len(language), matches=matches))
        left[position : position + 1] = [NOTHING] if position < len(vision) else []
    return values


def test_the_stored_curves_come_back():
    for curve, wanted, length, area in zip(
        stored_curves(range(6)),
        stored()["curves"],
        stored()["curve_len"],
        stored()["auc"],
        strict=True,
    ):
        assert len(curve) == length
        np.testing.assert_allclose(curve, wanted[:length], rtol=0, atol=1e-9)
        assert auc(curve) == pytest.approx(area, abs=1e-9)


def test_the_stored_means_come_back():
    found = mean_curve(stored_curves(range(6)))
    np.testing.assert_allclose(found, stored()["mean_curve"], rtol=0, atol=1e-5)
    assert auc(found) == pytest.approx(float(stored()["mean_curve_auc"]), abs=1e-5)


@given(
    vision=lists(integers(0, 9), max_size=9), language=lists(integers(0, 9), min_size=1, max_size=9)
)
def test_the_closed_form_is_the_deletion_step_by_step(vision, language):
    wanted = step_by_step(vision, language)
    np.testing.assert_allclose(deletion_curve(vision, language), wanted, rtol=0, atol=1e-12)


def test_a_curve_stays_up_until_the_last_match_goes():
    early = deletion_curve([1, 2, 3, 4], [1])
    late = deletion_curve([2, 3, 4, 1], [1])
    top = np.log(4)
    np.testing.assert_allclose(early, [top, 0, 0, 0, 0], atol=1e-8)
    np.testing.assert_allclose(late, [top, top, top, top, 0], atol=1e-8)
    assert auc(late) == pytest.approx(4 * auc(early))


def test_an_empty_list_has_a_curve_of_one_zero():
    assert deletion_curve([], [1, 2]).tolist() == [0]


def test_short_curves_are_filled_up_with_zeros():
    found = mean_curve([np.array([4.0, 0]), np.array([2.0, 2, 2, 0])])
    assert found.tolist() == [3, 1, 1, 0]


def test_curves_have_values():
    with pytest.raises(UsageError, match="without values"):
        auc(np.zeros(0))
    for curves in ([], [np.zeros(0), np.ones(2)]):
        with pytest.raises(UsageError, match="at least one curve"):
            mean_curve(curves)


def test_a_summary_holds_both_means_and_says_which_is_which():
    curves = [np.array([4.0, 0]), np.array([2.0, 2, 2, 0])]
    found = summarised(curves, resamples=50)
    assert found.curve.tolist() == [3, 1, 1, 0]
    assert found.start.value == 3
    assert found.area.value == auc(mean_curve(curves)) == 1.25
    assert found.mean_area.value == (2 + 1.5) / 2


def test_the_interval_is_that_of_a_mean():
    generator = np.random.default_rng(5)
    values = generator.normal(3, 1, 400)
    found = summarised([np.array([value, 0]) for value in values], resamples=2000)
    spread = 1.96 * values.std() / 20
    assert found.start.low == pytest.approx(values.mean() - spread, abs=0.02)
    assert found.start.high == pytest.approx(values.mean() + spread, abs=0.02)
    assert found.area.high == pytest.approx(found.start.high / 2)


def test_intervals_come_from_the_seed_alone():
    curves = stored_curves(range(6))
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, other = summarised(curves, resamples=20), summarised(curves, resamples=20)
    assert (one.start, one.area, one.mean_area) == (other.start, other.area, other.mean_area)
    assert summarised(curves, resamples=20, seed=1).area != one.area
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_images_that_show_their_class_are_beyond_chance():
    language = np.arange(40).reshape(8, 5)
    classes = np.arange(64) % 8
    images = [[*language[number, :3].tolist(), 99] for number in classes]
    found = chance_level(images, classes, language, permutations=99)
    wanted = np.mean(
        [
            auc(deletion_curve(image, language[c].tolist()))
            for image, c in zip(images, classes, strict=True)
        ]
    )
    assert found.value == pytest.approx(wanted)
    assert found.p_value == 0.01
    assert found.low <= found.mean <= found.high < found.value / 3


def test_chance_is_the_mean_over_classes_of_other_images():
    generator = np.random.default_rng(0)
    language = np.stack([generator.permutation(12)[:5] for _ in range(4)])
    images = [generator.permutation(12)[: 2 + number % 4].tolist() for number in range(4)]
    found = chance_level(images, np.arange(4), language, permutations=4000)
    areas = [[auc(deletion_curve(image, row.tolist())) for row in language] for image in images]
    assert found.mean == pytest.approx(np.mean(areas), abs=0.02)


def test_one_class_leaves_nothing_to_permute():
    found = chance_level([[1], [2]], np.zeros(2, dtype=int), np.array([[1, 3]]), permutations=9)
    assert found.p_value == 1
    assert found.mean == pytest.approx(found.value)


def test_lists_and_classes_go_together():
    with pytest.raises(UsageError, match="one class for each"):
        chance_level([[1]], np.zeros(2, dtype=int), np.array([[1]]))
    with pytest.raises(UsageError, match="class 3 is none"):
        chance_level([[1]], np.array([3]), np.array([[1]]))


def test_stored_data_set_means_come_back():
    pca, kmeans = (stored()[f"dataset_curve_{name}"] for name in ("pca", "kmeans"))
    np.testing.assert_allclose(mean_curve(stored_curves(range(6))), pca, rtol=0, atol=1e-5)
    found = mean_curve(stored_curves([(row + 1) % 5 for row in range(6)]))
    np.testing.assert_allclose(found, kmeans, rtol=0, atol=1e-5)
