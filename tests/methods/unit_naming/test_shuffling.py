import torch
from torch.testing import assert_close

from seewhy.methods.unit_naming.shuffling import best_by_chance, corrected_p_values, p_values


def test_p_values_count_the_true_order_in():
    by_chance = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 7.0]])
    assert_close(p_values(torch.tensor([3.5, 5.0]), by_chance), torch.tensor([0.25, 1.0]))


def test_one_unit_needs_no_correction():
    by_chance = torch.tensor([[1.0], [2.0], [6.0], [0.5]])
    best = torch.tensor([3.5])
    assert_close(corrected_p_values(best, by_chance), p_values(best, by_chance))


def test_each_unit_is_measured_by_its_own_spread():
    """A unit with wild scores does not hide one whose scores are small."""
    generator = torch.Generator().manual_seed(0)
    by_chance = torch.randn(99, 2, generator=generator) * torch.tensor([1e-3, 1e3])
    assert corrected_p_values(torch.tensor([1.0, 0.0]), by_chance)[0] <= 0.02


def test_names_for_nothing_are_as_rare_as_the_level_says():
    """20 units without meaning, 400 times: any gets 0.05 or less in about 5 of 100."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 40, 20, generator=generator).exp()
    found = [bool((corrected_p_values(each[0], each[1:]) <= 0.05).any()) for each in rows]
    own = [bool((p_values(each[0], each[1:]) <= 0.05).any()) for each in rows]
    assert sum(found) / 400 < 0.08
    assert sum(own) / 400 > 0.5


def test_shuffles_are_orders_that_serve_all_units():
    seen = []

    def scores(order):
        seen.append(order)
        return torch.stack([order[:2].float(), order[2:4].float()])

    generator = torch.Generator().manual_seed(1)
    best = best_by_chance(scores, 5, shuffles=3, generator=generator)
    assert best.shape == (3, 2)
    assert all(order.sort().values.tolist() == list(range(5)) for order in seen)
    assert_close(best[2], torch.stack([seen[2][:2].max(), seen[2][2:4].max()]).float())
