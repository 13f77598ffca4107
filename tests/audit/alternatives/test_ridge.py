import numpy as np
from numpy.testing import assert_allclose

from seewhy.audit.alternatives.ridge import PENALTIES, fit_linear_map


def chance(seed=0):
    return np.random.default_rng(seed)


def test_a_linear_law_is_recovered():
    inputs = chance().normal(size=(200, 5))
    weights = chance(1).normal(size=(5, 3))
    outputs = inputs @ weights + 7
    found = fit_linear_map(inputs, outputs, chance(2))
    assert found.penalty == PENALTIES[0]
    assert found.fits
    assert_allclose(found.r_squared, 1, atol=1e-6)
    assert_allclose(found(inputs[:4]), outputs[:4], atol=1e-2)
    assert_allclose(found.predicted, outputs, atol=1e-2)


def test_what_has_nothing_to_do_with_the_inputs_is_not_predicted():
    found = fit_linear_map(
        chance().normal(size=(60, 40)), chance(1).normal(size=(60, 4)), chance(2)
    )
    assert found.r_squared < 0.1
    assert not found.fits
    assert found.penalty > PENALTIES[0]


def test_the_weights_solve_the_normal_equations():
    inputs, outputs = chance().normal(size=(30, 50)), chance(1).normal(size=(30, 2))
    found = fit_linear_map(inputs, outputs, chance(2))
    centred = inputs - inputs.mean(axis=0)
    ridge = found.penalty * (centred**2).sum() * np.eye(50)
    wanted = np.linalg.solve(centred.T @ centred + ridge, centred.T @ outputs)
    assert_allclose(found.weights, wanted, atol=1e-9)


def test_predictions_come_from_other_images():
    inputs, outputs = chance().normal(size=(50, 3)), chance(1).normal(size=(50, 1))
    changed = outputs.copy()
    changed[7] += 1000
    before = fit_linear_map(inputs, outputs, chance(2))
    after = fit_linear_map(inputs, changed, chance(2))
    assert before.penalty == after.penalty
    assert_allclose(after.predicted[7], before.predicted[7], atol=1e-9)


def test_constant_outputs_are_explained_by_nothing():
    assert fit_linear_map(chance().normal(size=(20, 3)), np.ones((20, 2)), chance()).r_squared == 0
