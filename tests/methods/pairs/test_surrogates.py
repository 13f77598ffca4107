import numpy as np
import pytest
import torch
from tests.methods.pairs.golden import arrays, assert_near, tensor, views
from tests.methods.pairs.noise import noise

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.method import min_max
from seewhy.methods.pairs.pixel_invariance import emphasised
from seewhy.methods.pairs.surrogates import (
    DescentFit,
    SparseFit,
    Surrogate,
    descended,
    drawn_start,
    part_labels,
    small_images,
    sparsest,
)

SIDE = 12


def stored_problem():
    """Rows of the mean of the image and each version, their similarities, and the start."""
    base, changed = (tensor("pixel_invariance", key) / 255 for key in ("base_u8", "augmented_u8"))
    rows = ((small_images(base[None], SIDE) + small_images(changed, SIDE)) / 2).flatten(1)
    start = Surrogate(tensor("pixel_invariance", "W0")[0], tensor("pixel_invariance", "b0")[0])
    return rows, tensor("pixel_invariance", "labels")[:, 0], start


def stored_fit(**settings):
    values = {key: arrays("pixel_invariance")[key].item() for key in ("lr", "epochs")}
    return DescentFit(rate=values["lr"], steps=values["epochs"], **settings)


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("map_plain", {"penalty": 0.0}),
        ("map_l1", {}),
        ("map_l1_zero_blur", {}),
        ("map_nmf", {"part_weight": 1.0}),
    ],
)
def test_stored_maps(key, settings):
    rows, labels, start = stored_problem()
    second = tensor("pixel_invariance", "labels_invariance")[:, 0]
    found = descended(rows, labels, start, how=stored_fit(**settings), second_labels=second)
    scaled = min_max(found.weights.reshape(3, SIDE, SIDE).amax(dim=0)[None])[0]
    drawn = emphasised(scaled) if key.endswith("blur") else scaled
    assert_near(drawn, tensor("pixel_invariance", key), 1e-4)


def test_stored_parts():
    features = tensor("pixel_invariance", "nmf_features")
    expected = tensor("pixel_invariance", "labels_invariance")[:, 0]
    found = part_labels(features, components=4, seed=0)
    assert np.corrcoef(found, expected)[0, 1] > 0.95
    assert torch.equal(found, part_labels(features, components=4, seed=0))
    assert found.min() >= 0


def penalised(found, rows, labels, penalty):
    """The loss of the sparse problem, whose bias is free."""
    logits = rows.double() @ found.weights.double() + found.bias.double()
    loss = (torch.nn.functional.softplus(logits) - labels.double() * logits).sum()
    return loss + penalty * found.weights.double().abs().sum()


def strongest(rows, labels):
    centred = rows.double() - rows.double().mean(dim=0)
    return float((centred.T @ (labels.double() - labels.double().mean())).abs().max())


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
def test_the_sparse_fit_is_where_no_slope_leads_further_down(share):
    """At the minimum a slope is minus the penalty's where a weight is, and within it elsewhere."""
    rows, labels, _ = stored_problem()
    found = sparsest(rows, labels, how=SparseFit(share=share, steps=20000))
    assert found.is_solved
    penalty = share * strongest(rows, labels)
    slope = rows.double().T @ (found.predict(rows).double() - labels.double())
    is_used = found.weights != 0
    torch.testing.assert_close(
        slope[is_used], -penalty * found.weights[is_used].sign().double(), rtol=2e-2, atol=1e-5
    )
    assert slope[~is_used].abs().max() <= penalty * 1.02
    assert 0 < is_used.sum() <= len(rows)
    assert abs(float((found.predict(rows) - labels).sum())) < 0.02


def test_scikit_learn_finds_no_lower_minimum():
    from sklearn.linear_model import LogisticRegression

    rows = noise(40, 6)
    labels = noise(40, seed=1)
    how = SparseFit(share=0.2, tolerance=1e-6)
    found = sparsest(rows, labels, how=how)
    penalty = how.share * strongest(rows, labels)
    peer = LogisticRegression(l1_ratio=1.0, C=1 / penalty, solver="saga", tol=1e-8, max_iter=50000)
    both, answers = np.concatenate([rows, rows]), np.repeat([1, 0], 40)
    peer.fit(both, answers, sample_weight=np.concatenate([labels, 1 - labels]))
    other = Surrogate(
        torch.from_numpy(peer.coef_[0]).float(), torch.tensor(peer.intercept_[0]).float()
    )
    values = [penalised(each, rows, labels, penalty) for each in (found, other)]
    torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=0)
    torch.testing.assert_close(found.weights, other.weights, rtol=0, atol=1e-3)


def test_it_finds_the_pixel_that_matters():
    rows = noise(200, 50)
    labels = (6 * rows[:, 17] - 3).sigmoid()
    found = sparsest(rows, labels, how=SparseFit())
    assert found.weights.argmax() == 17
    assert found.weights[17] > 5 * found.weights.abs().sort().values[-2]


def test_equal_labels_give_zeros_and_labels_below_zero_are_zero():
    rows = noise(20, 5)
    for level in (0.0, 0.3, 1.0):
        found = sparsest(rows, torch.full((20,), level), how=SparseFit())
        assert not found.weights.any()
        assert found.bias.isfinite()
    labels = noise(20, seed=1) - 0.3
    low, clamped = (sparsest(rows, each, how=SparseFit()) for each in (labels, labels.clamp(min=0)))
    assert torch.equal(low.weights, clamped.weights)


def test_a_fit_that_is_not_done_says_so():
    rows, labels, _ = stored_problem()
    assert not sparsest(rows, labels, how=SparseFit(steps=1)).is_solved


def test_the_start_is_that_of_a_linear_layer():
    start = drawn_start(400, seed=3)
    assert start.weights.abs().max() <= 0.05
    assert start.weights.abs().max() > 0.049
    assert torch.equal(start.weights, drawn_start(400, seed=3).weights)
    assert not torch.equal(start.weights, drawn_start(400, seed=4).weights)


def test_small_images_are_means_where_sizes_divide():
    images = views()[0]
    expected = torch.nn.functional.avg_pool2d(images, 48)
    assert_near(small_images(images, 1), expected, 0.02)
    assert small_images(noise(1, 3, 20, 30), 8).shape == (1, 3, 8, 8)


def test_a_descent_that_diverges_is_an_error_and_settings_are_checked():
    rows, labels, start = stored_problem()
    with pytest.raises(DataError, match="diverged"):
        descended(rows, labels, start, how=DescentFit(rate=1e38, steps=5))
    for fault in ({"share": 0.0}, {"share": 1.0}, {"steps": 0}, {"tolerance": 0.0}):
        with pytest.raises(UsageError, match="a share between"):
            SparseFit(**fault)
    for fault in ({"rate": 0.0}, {"steps": 0}, {"components": 0}):
        with pytest.raises(UsageError, match="a rate above"):
            DescentFit(**fault)
