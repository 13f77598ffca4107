from itertools import permutations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.unit_naming.reordering import error_by_chance, rank_reorder, strongest_count

VALUES = torch.tensor([[9.0, 5.0, 4.0, 1.0]])
CHOSEN = torch.tensor([[3, 0, 2, 1]])


def slow_score(values, similarities):
    """Deal the values out in the order of the similarities, in loops."""
    dealt = [0.0] * len(values)
    for value, place in zip(values, np.argsort(-similarities), strict=True):
        dealt[place] = value
    error = np.mean([abs(own - new) ** 3 for own, new in zip(values, dealt, strict=True)])
    orders = list(permutations(values))
    chance = np.mean([
        abs(own - new) ** 3 for order in orders for own, new in zip(values, order, strict=True)
    ])  # fmt: skip
    return -error / chance / max(similarities.mean(), 1e-3) ** 0.5


def test_the_score_is_that_of_the_definition():
    texts = np.random.default_rng(0).uniform(-0.2, 0.8, (4, 6)).astype(np.float32)
    wanted = [slow_score(VALUES[0].tolist(), texts[CHOSEN[0], text]) for text in range(6)]
    found = rank_reorder(VALUES, torch.tensor(texts), CHOSEN)
    assert_close(found, torch.tensor([wanted], dtype=torch.float32))


def test_the_units_own_order_leaves_no_error():
    similarities = torch.zeros(4, 2)
    similarities[CHOSEN[0], 0] = torch.tensor([0.9, 0.8, 0.2, 0.1])
    similarities[CHOSEN[0], 1] = torch.tensor([0.1, 0.2, 0.8, 0.9])
    own, turned = rank_reorder(VALUES, similarities, CHOSEN)[0].tolist()
    assert own == 0
    assert turned < -1


def test_random_orders_are_all_pairs():
    assert_close(error_by_chance(torch.tensor([0.0, 2.0])), torch.tensor(4.0))


def test_few_images_are_refused():
    assert strongest_count(40) == 2
    with pytest.raises(UsageError, match="at least 40"):
        strongest_count(39)
