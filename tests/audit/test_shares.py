from itertools import permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from numpy.testing import assert_allclose, assert_array_equal

from seewhy.audit.shares import (
    binomial_surprise,
    bootstrap_indices,
    cross_predicted,
    decompose,
    fold_numbers,
    ratio_of_sums,
    sampled_rows,
    separability,
    total_effect,
)


def chance(seed=0):
    return np.random.default_rng(seed)


def random_features(seed, sizes=(2, 1, 3), images=60):
    generator = chance(seed)
    return {f"g{n}": generator.normal(size=(images, size)) for n, size in enumerate(sizes)}


def random_case(seed, sizes=(2, 1, 3), images=60):
    features = random_features(seed, sizes, images)
    everything = np.concatenate(list(features.values()), axis=1)
    generator = chance(seed + 1)
    outcomes = everything @ generator.normal(size=(everything.shape[1], 2))
    return features, outcomes + generator.normal(size=outcomes.shape)


def shares(parts, total):
    return {name: part.sum() / total.sum() for name, part in parts.items()}


@given(seed=integers(0, 2**16), groups=integers(1, 7))
@settings(max_examples=15)
def test_shapley_parts_sum_to_the_joint_part_of_each_image(seed, groups):
    features, outcomes = random_case(seed, sizes=(1,) * groups, images=40)
    split = decompose(features, outcomes, chance(seed))
    assert_allclose(sum(split.shapley.values()), split.joint, atol=1e-9)


def slow_errors(features, outcomes, folds):
    """Squared errors of ridge regression in each fold, solved as augmented least squares."""
    errors = np.empty(len(outcomes))
    for fold in set(folds.tolist()):
        train, test = folds != fold, folds == fold
        mean = outcomes[train].mean(axis=0)
        predicted = np.tile(mean, (test.sum(), 1))
        if features.shape[1]:
            centre, scale = features[train].mean(axis=0), features[train].std(axis=0)
            design = (features[train] - centre) / scale
            root = np.sqrt(1e-3 * train.sum()) * np.eye(design.shape[1])
            weights = np.linalg.lstsq(
                np.vstack([design, root]),
                np.vstack([outcomes[train] - mean, np.zeros((len(root), outcomes.shape[1]))]),
                rcond=None,
            )[0]
            predicted = predicted + (features[test] - centre) / scale @ weights
        errors[test] = ((outcomes[test] - predicted) ** 2).sum(axis=1)
    return errors


@given(seed=integers(0, 2**16))
@settings(max_examples=10)
def test_all_parts_are_their_slow_derivation(seed):
    features, outcomes = random_case(seed)
    folds = fold_numbers(len(outcomes), chance(seed))
    split = decompose(features, outcomes, chance(seed))

    def errors(names):
        columns = [features[name] for name in features if name in names]
        return slow_errors(np.concatenate([outcomes[:, :0], *columns], axis=1), outcomes, folds)

    none, everything = errors(()), errors(tuple(features))
    assert_allclose(split.total, none)
    assert_allclose(split.joint, none - everything, atol=1e-9)
    for name in features:
        others = tuple(other for other in features if other != name)
        assert_allclose(split.unique[name], errors(others) - everything, atol=1e-9)
        gains = [
            errors(order[: order.index(name)]) - errors(order[: order.index(name) + 1])
            for order in permutations(features)
        ]
        assert_allclose(split.shapley[name], np.mean(gains, axis=0), atol=1e-9)


def test_twins_have_no_unique_part_and_equal_shapley_parts():
    features, _ = random_case(3, sizes=(2, 2), images=400)
    features["twin"] = features["g0"]
    outcomes = features["g0"] @ np.array([[1.0], [2.0]]) + features["g1"][:, :1]
    split = decompose(features, outcomes, chance())
    unique, shapley = shares(split.unique, split.total), shares(split.shapley, split.total)
    assert unique["g0"] == pytest.approx(0, abs=1e-3)
    assert unique["twin"] == pytest.approx(0, abs=1e-3)
    assert shapley["g0"] == pytest.approx(shapley["twin"], abs=1e-6)
    assert shapley["g0"] == pytest.approx(5 / 6 / 2, abs=0.05)
    assert unique["g1"] == pytest.approx(1 / 6, abs=0.05)


def test_orthogonal_causes_own_their_part_of_the_variance_uniquely():
    # A full factorial design: every sign of three causes, equally often.
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    design = np.tile(signs, (100, 1))
    features = {name: design[:, [n]] for n, name in enumerate("abc")}
    outcomes = design @ np.array([[3.0], [2.0], [1.0]])
    split = decompose(features, outcomes, chance())
    for parts in (split.unique, split.shapley):
        owned = shares(parts, split.total)
        for name, part in {"a": 9 / 14, "b": 4 / 14, "c": 1 / 14}.items():
            assert owned[name] == pytest.approx(part, abs=0.01)
    assert split.joint.sum() / split.total.sum() == pytest.approx(1, abs=1e-3)


def test_noise_explains_nothing():
    features = random_features(0, sizes=(3, 2), images=500)
    split = decompose(features, chance(9).normal(size=(500, 2)), chance())
    assert abs(split.joint.sum() / split.total.sum()) < 0.05
    assert all(abs(share) < 0.05 for share in shares(split.unique, split.total).values())


@given(seed=integers(0, 2**16), factor=floats(0.01, 100), shift=floats(-10, 10))
@settings(max_examples=10)
def test_shares_do_not_depend_on_units(seed, factor, shift):
    features, outcomes = random_case(seed)
    moved = {name: factor * values + shift for name, values in features.items()}
    first = decompose(features, outcomes, chance(seed))
    second = decompose(moved, 3 * outcomes + shift, chance(seed))
    assert_allclose(second.total, 9 * first.total, rtol=1e-6)
    for name in features:
        assert_allclose(second.unique[name], 9 * first.unique[name], rtol=1e-4, atol=1e-6)


def test_many_groups_are_split_in_sampled_orders_that_the_generator_draws():
    features, outcomes = random_case(1, sizes=(1,) * 6)
    first, again, other = (decompose(features, outcomes, chance(seed)) for seed in (1, 1, 2))
    for name in features:
        assert_array_equal(first.shapley[name], again.shapley[name])
    assert not np.array_equal(first.shapley["g0"], other.shapley["g0"])


@given(images=integers(1, 200), folds=integers(2, 10), seed=integers(0, 2**16))
def test_folds_are_as_equal_in_size_as_possible(images, folds, seed):
    numbers = fold_numbers(images, chance(seed), folds=folds)
    sizes = np.bincount(numbers, minlength=folds)
    assert sizes.sum() == images
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == folds


def test_folds_are_drawn_not_dealt():
    assert not np.array_equal(fold_numbers(50, chance(0)), np.arange(50) % 5)
    assert not np.array_equal(fold_numbers(50, chance(0)), fold_numbers(50, chance(1)))


def test_without_features_the_mean_of_the_other_folds_is_predicted():
    outcomes = np.array([[1.0], [2.0], [3.0], [6.0]])
    folds = np.array([0, 0, 1, 1])
    predicted = cross_predicted(np.zeros((4, 0)), outcomes, folds)
    assert predicted.ravel().tolist() == [4.5, 4.5, 1.5, 1.5]


def test_a_prediction_never_sees_the_outcomes_of_its_own_fold():
    features, outcomes = random_case(0)
    folds = fold_numbers(60, chance())
    everything = np.concatenate(list(features.values()), axis=1)
    before = cross_predicted(everything, outcomes, folds)
    spoiled = np.where((folds == 2)[:, None], 1e6, outcomes)
    after = cross_predicted(everything, spoiled, folds)
    assert_array_equal(before[folds == 2], after[folds == 2])
    assert not np.allclose(before[folds != 2], after[folds != 2])


def test_a_line_is_predicted_nearly_exactly_and_a_constant_feature_is_ignored():
    x = chance().normal(size=(50, 1))
    features = np.hstack([x, np.full((50, 1), 7.0)])
    predicted = cross_predicted(features, 2 * x + 1, fold_numbers(50, chance()))
    assert_allclose(predicted, 2 * x + 1, atol=0.02)
    alone = cross_predicted(x, 2 * x + 1, fold_numbers(50, chance()))
    assert_allclose(predicted, alone)


def test_a_feature_that_is_constant_in_training_and_moves_in_the_test_fold_is_ignored():
    folds = np.array([0] * 10 + [1] * 10)
    features = np.zeros((20, 1))
    features[0] = 1e6
    outcomes = chance().normal(size=(20, 1))
    predicted = cross_predicted(features, outcomes, folds)
    assert_allclose(predicted[0], outcomes[10:].mean(axis=0))


def test_separability_is_one_for_strangers_and_zero_for_twins():
    features = random_features(0, sizes=(2, 2), images=400)
    apart = separability(features, chance())
    assert all(share > 0.95 for share in apart.values())
    twins = {"a": features["g0"], "b": features["g0"] @ np.array([[1.0, 2.0], [0.0, 1.0]])}
    assert all(share < 0.01 for share in separability(twins, chance()).values())


def test_separability_of_a_noisy_copy_is_the_share_of_its_noise():
    own, noise = chance().normal(size=(2, 3000, 1))
    features = {"a": own, "b": own + noise}
    assert separability(features, chance())["b"] == pytest.approx(0.5, abs=0.03)


def test_a_group_that_never_varies_cannot_be_separated():
    features = {"a": np.ones((30, 2)), "b": chance().normal(size=(30, 1))}
    apart = separability(features, chance())
    assert apart["a"] == 0.0
    assert apart["b"] > 0.9


def test_ratios_of_sums_by_hand():
    parts = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 1.0]])
    total = np.array([2.0, 0.0, 4.0])
    resamples = np.array([[0, 1, 2], [0, 0, 0], [1, 1, 1]])
    expected = [[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]
    assert_allclose(ratio_of_sums(parts, total, resamples), expected)


@given(seed=integers(0, 2**16))
def test_the_total_effect_lies_between_zero_and_two(seed):
    generator = chance(seed)
    before, after = generator.normal(size=(2, 7, 3)) * generator.uniform(0, 5, (2, 1, 3))
    change, spread = total_effect(before, after + generator.normal(size=3))
    assert (change >= 0).all()
    assert 0 <= change.sum() <= 2 * spread.sum() + 1e-9


def test_no_change_has_no_effect_and_a_mirrored_output_the_largest():
    outputs = chance().normal(size=(50, 2))
    change, spread = total_effect(outputs, outputs)
    assert change.sum() == 0
    assert spread.sum() > 0
    mirrored = outputs - outputs.mean(axis=0)
    change, spread = total_effect(mirrored, -mirrored)
    assert change.sum() == pytest.approx(2 * spread.sum())


def test_a_constant_output_that_jumps_counts_fully():
    change, spread = total_effect(np.zeros((5, 1)), np.ones((5, 1)))
    assert change.sum() / spread.sum() == pytest.approx(2)


def test_outputs_that_are_drawn_anew_have_a_total_effect_of_one():
    before, after = chance().normal(3, 2, size=(2, 20_000, 2))
    change, spread = total_effect(before, after)
    assert change.sum() / spread.sum() == pytest.approx(1, abs=0.02)


def test_half_an_output_drawn_anew_has_half_the_effect():
    kept, first, second = chance(4).normal(size=(3, 20_000, 1))
    change, spread = total_effect(kept + first, kept + second)
    assert change.sum() / spread.sum() == pytest.approx(0.5, abs=0.02)


def test_the_bootstrap_draws_every_image_equally_often():
    indices = bootstrap_indices(10, 5000, chance())
    assert indices.shape == (5000, 10)
    counts = np.bincount(indices.ravel(), minlength=10)
    assert_allclose(counts / counts.sum(), 0.1, atol=0.005)
    assert_array_equal(indices, bootstrap_indices(10, 5000, chance()))


@given(images=integers(1, 30), tenths=integers(1, 9), seed=integers(0, 1000))
def test_the_surprise_at_right_answers_is_the_tail_of_the_binomial(images, tenths, seed):
    right, rate = seed % (images + 1), tenths / 10
    tail = sum(
        comb(images, k) * rate**k * (1 - rate) ** (images - k) for k in range(right, images + 1)
    )
    assert binomial_surprise(right, images, rate) == pytest.approx(tail)


def test_nothing_is_surprising_without_images_or_without_a_way_to_be_wrong():
    assert binomial_surprise(0, 0, 0.5) == 1.0
    assert binomial_surprise(5, 5, 1.0) == 1.0
    assert binomial_surprise(0, 5, 0.5) == 1.0


def test_a_sample_of_rows_repeats_none_and_takes_all_when_there_are_few():
    rows = sampled_rows(100, 30, chance())
    assert len(set(rows.tolist())) == 30
    assert set(rows.tolist()) <= set(range(100))
    assert sorted(sampled_rows(10, 30, chance()).tolist()) == list(range(10))
    counts = np.zeros(20)
    for seed in range(600):
        counts[sampled_rows(20, 5, chance(seed))] += 1
    assert_allclose(counts / 600, 0.25, atol=0.08)
