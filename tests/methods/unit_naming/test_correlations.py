import numpy as np
import torch
from hypothesis import given
from hypothesis.strategies import integers
from scipy.stats import spearmanr
from torch.testing import assert_close

from seewhy.methods.unit_naming.correlations import (
    SHORTEST,
    cubed,
    cubed_cosines,
    rank_correlations,
)


def drawn(seed):
    generator = np.random.default_rng(seed)
    units = generator.integers(0, 4, (12, 3)).astype(np.float32)
    units[:2] = [[0, 0, 0], [1, 1, 1]]
    return units, generator.uniform(-1, 1, (12, 4)).astype(np.float32)


@given(seed=integers(0, 2**16))
def test_rank_correlations_are_scipys_also_with_ties(seed):
    units, texts = drawn(seed)
    wanted = [[spearmanr(unit, text).statistic for text in texts.T] for unit in units.T]
    found = rank_correlations(torch.tensor(units), torch.tensor(texts))
    assert_close(found, torch.tensor(wanted, dtype=torch.float32), atol=1e-5, rtol=0)


@given(seed=integers(0, 2**16))
def test_cubed_cosines_by_the_definition(seed):
    units, texts = drawn(seed)
    wanted = np.zeros((3, 4))
    for (unit, text), _ in np.ndenumerate(wanted):
        first, second = (each - each.mean() for each in (units[:, unit], texts[:, text]))
        lengths = np.linalg.norm(first**3) * np.linalg.norm(second**3)
        wanted[unit, text] = (first**3 * second**3).sum() / lengths
    found = cubed_cosines(torch.tensor(units), torch.tensor(texts), shortest=1e-30)
    assert_close(found, torch.tensor(wanted, dtype=torch.float32), atol=1e-4, rtol=0)


def test_as_published_short_columns_stay_short():
    column = torch.tensor([[0.01], [-0.01], [0.0]])
    assert_close(cubed(column).norm(), torch.tensor(2**0.5 * 1e-6 / SHORTEST))
    assert_close(cubed(column, shortest=1e-30).norm(), torch.tensor(1.0))


def test_the_range_and_what_never_varies():
    values = torch.tensor([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    texts = torch.tensor([[0.1, -0.1], [0.2, -0.2], [0.4, -0.4]])
    assert_close(rank_correlations(values, texts), torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
    assert_close(
        cubed_cosines(values, texts, shortest=1e-30), torch.tensor([[1.0, -1.0], [0.0, 0.0]])
    )
