import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from tests.methods.mutual_knowledge.golden import arrays
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.transport import centred, sinkhorn


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def plain(similarities, sharpness, rounds):
    """Rows and columns divided by their sums in turn, without logarithms."""
    plan = (sharpness * similarities).exp()
    for _ in range(rounds):
        plan = plan / plan.sum(dim=-1, keepdim=True)
        plan = plan / plan.sum(dim=-2, keepdim=True)
    return plan


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("rounds", [1, 10, 1000])
def test_the_published_plans(case, rounds):
    stored = arrays("sinkhorn")
    found = sinkhorn(
        torch.from_numpy(stored[f"c{case}_sim"]),
        sharpness=float(stored[f"c{case}_epsilon"]),
        rounds=rounds,
    )
    np.testing.assert_allclose(found.plan, stored[f"c{case}_P{rounds}"], atol=3e-6)
    assert found.rounds <= min(rounds, 50)
    assert found.has_converged == (rounds == 1000 or (rounds == 10 and case < 2))


@settings(max_examples=15)
@given(seed=integers(0, 2**16), sharpness=floats(0.1, 20), rounds=integers(1, 20))
def test_logarithms_give_what_division_gives(seed, sharpness, rounds):
    similarities = noise(4, 7, seed=seed)
    found = sinkhorn(similarities, sharpness=sharpness, rounds=rounds)
    assert_close(found.plan, plain(similarities, sharpness, rounds), atol=1e-8, rtol=1e-6)


def test_sums_of_a_plan():
    found = sinkhorn(noise(3, 11))
    assert_close(found.plan.sum(dim=0), torch.ones(11, dtype=torch.float64))
    assert_close(found.plan.sum(dim=1), torch.full((3,), 11 / 3, dtype=torch.float64))


def test_what_a_whole_part_or_text_has_in_addition_changes_nothing():
    similarities = noise(4, 9)
    moved = similarities + 3 * noise(4, 1, seed=1) - 2 * noise(1, 9, seed=2)
    assert_close(sinkhorn(moved).plan, sinkhorn(similarities).plan, atol=1e-8, rtol=1e-8)
    assert_close(centred(moved), centred(similarities))


def test_two_by_two_by_hand():
    """A plan keeps the cross ratio e^2, and its sums are 1: a / (1 - a) = e."""
    found = sinkhorn(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).plan
    share = torch.e / (1 + torch.e)
    expected = torch.tensor([[share, 1 - share], [1 - share, share]], dtype=torch.float64)
    assert_close(found, expected)


def test_large_similarities_do_not_overflow():
    found = sinkhorn(1e4 * noise(3, 40), sharpness=2.5)
    assert found.plan.isfinite().all()
    assert_close(found.plan.sum(dim=0), torch.ones(40, dtype=torch.float64))


def test_a_plan_that_has_not_converged_says_so():
    found = sinkhorn(noise(5, 5), sharpness=20.0, rounds=3)
    assert not found.has_converged
    assert found.rounds == 3


def test_a_matrix_of_a_batch_is_what_it_is_alone():
    batch = torch.stack([noise(3, 6), 30 * noise(3, 6, seed=1)])
    together = sinkhorn(batch)
    assert together.rounds[0] < together.rounds[1]
    for row, matrix in enumerate(batch):
        alone = sinkhorn(matrix)
        assert torch.equal(together.plan[row], alone.plan)
        assert together.rounds[row] == alone.rounds


def test_forbidden_pairs_are_as_if_they_were_not_there():
    similarities = noise(3, 6)
    padded = torch.full((5, 8), -torch.inf, dtype=torch.float64)
    padded[:3, :6] = similarities
    found = sinkhorn(padded)
    assert_close(found.plan[:3, :6], sinkhorn(similarities).plan)
    assert found.plan[3:].sum() == found.plan[:, 6:].sum() == 0


def test_one_part_has_all_of_every_text():
    assert_close(sinkhorn(noise(1, 5)).plan, torch.ones(1, 5, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (2, 0, 3), (0, 2, 3)])
def test_nothing_is_transported_without_a_fault(shape):
    assert sinkhorn(noise(*shape)).plan.shape == shape


@pytest.mark.parametrize("sharpness", [1e-3, 1e-2])
def test_the_centred_form_is_the_first_order(sharpness):
    similarities = noise(4, 30)
    plan = sinkhorn(similarities, sharpness=sharpness).plan
    found = centred(similarities, sharpness=sharpness)
    assert (found - (4 * plan).log()).abs().max() < sharpness**2
    assert_close(found.sum(dim=0), torch.zeros(30, dtype=torch.float64))
    assert_close(found.sum(dim=1), torch.zeros(4, dtype=torch.float64))


@pytest.mark.parametrize("fault", [{"sharpness": 0.0}, {"sharpness": float("inf")}, {"rounds": 0}])
def test_impossible_settings_are_refused(fault):
    with pytest.raises(UsageError, match="transport"):
        sinkhorn(noise(2, 3), **fault)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_similarities_that_are_no_numbers_are_refused(value):
    with pytest.raises(UsageError, match="numbers"):
        sinkhorn(torch.tensor([[value, 1.0]]))
