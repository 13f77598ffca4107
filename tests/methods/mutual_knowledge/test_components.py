import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from tests.methods.mutual_knowledge.golden import arrays
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import DataError
from seewhy.methods.mutual_knowledge.components import (
    component_scores,
    min_max,
    minority_above_zero,
    principal_scores,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("by", ["pca", "svd"])
@pytest.mark.parametrize("scaling", ["neg", "minmax"])
def test_scores_are_the_stored_ones(by, scaling):
    stored = arrays("foreground")
    tokens = torch.from_numpy(stored["features"])
    found = component_scores(tokens, by=by, scaled=scaling == "minmax")
    column = int(stored[f"{by}_{scaling}_component"])
    wanted = torch.from_numpy(stored[f"{by}_{scaling}_scores"])
    assert_close(found[:, column], wanted[:, column], atol=2e-5, rtol=0)


def test_unrepaired_principal_scores_are_the_stored_ones():
    stored = arrays("parts")
    rows = stored["features"].reshape(*stored["fg"].shape, -1)[stored["fg"]]
    found = principal_scores(torch.from_numpy(rows), components=5)
    assert_close(found, torch.from_numpy(stored["pca_minmax_scores"]), atol=2e-5, rtol=0)


@settings(max_examples=12)
@given(seed=integers(0, 99), shape=sampled_from([(4, 9), (9, 4), (6, 6)]))
def test_svd_scores_are_eigenvectors_of_the_cosines(seed, shape):
    tokens = noise(*shape, seed=seed)
    unit = functional.normalize(tokens, dim=1)
    scores = component_scores(tokens, by="svd", components=3)
    powers = torch.linalg.eigvalsh(unit @ unit.T).flip(0)[:3]
    assert_close(unit @ unit.T @ scores, scores * powers, atol=2e-5, rtol=1e-5)
    assert_close(scores.norm(dim=0), torch.ones(3))


@settings(max_examples=12)
@given(seed=integers(0, 99), shape=sampled_from([(4, 9), (9, 4), (12, 12)]))
def test_principal_scores_are_those_of_a_singular_value_decomposition(seed, shape):
    tokens = noise(*shape, seed=seed)
    centred = tokens - tokens.mean(dim=0)
    left, strengths, right = torch.linalg.svd(centred, full_matrices=False)
    largest = right.abs().argmax(dim=1, keepdim=True)
    wanted = left * strengths * right.gather(1, largest).sign().T
    found = principal_scores(tokens, components=3)
    assert_close(found, min_max(wanted)[:, :3], atol=1e-4, rtol=0)


def test_the_minority_is_above_zero_unless_all_are():
    scores = torch.tensor([[1.0, 1, 1, -1], [2, -1, 1, -1], [3, 1, -1, 1], [-9, 0, -1, 0]])
    wanted = torch.tensor([[-1.0, 1, 1, -1], [-2, -1, 1, -1], [-3, 1, -1, 1], [9, 0, -1, 0]])
    assert_close(minority_above_zero(scores), wanted)
    assert_close(minority_above_zero(scores.abs() + 1), scores.abs() + 1)


@pytest.mark.parametrize("by", ["pca", "svd"])
def test_components_that_tokens_do_not_have_are_zero(by):
    lonely = component_scores(noise(1, 8), by=by, components=3)
    alike = component_scores(noise(1, 8).expand(20, 8), by=by, components=3)
    there = 1 if by == "svd" else 0
    for scores in (lonely, alike):
        assert scores.shape[-1] == 3
        assert torch.count_nonzero(scores[:, there:]) == 0
    assert_close(min_max(alike[:, there:]), torch.zeros(20, 3 - there))


@pytest.mark.parametrize("shape", [(20, 6), (5, 9)])
@pytest.mark.parametrize("by", ["pca", "svd"])
def test_a_stack_is_its_groups_one_by_one(by, shape):
    tokens = noise(3, *shape)
    single = torch.stack([component_scores(each, by=by) for each in tokens])
    assert_close(component_scores(tokens, by=by), single)


def test_zero_tokens_are_no_fault_but_nan_is():
    assert component_scores(torch.zeros(4, 3), by="svd").isfinite().all()
    with pytest.raises(DataError, match="NaN") as error:
        component_scores(torch.full((4, 3), np.nan), by="svd")
    assert error.value.code == "non_finite"
