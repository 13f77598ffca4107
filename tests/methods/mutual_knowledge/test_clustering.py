import itertools

import pytest
import torch
from torch.testing import assert_close

from seewhy.methods.mutual_knowledge.clustering import k_means


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_row_is_with_its_nearest_centre_and_centres_are_means(seed):
    rows = noise(30, 3, seed=seed)
    found = k_means(rows, 4, seed=seed, starts=1)
    for label, centre in enumerate(found.centres):
        assert_close(centre, rows[found.labels == label].mean(dim=0))
    distances = torch.cdist(rows, found.centres)
    assert distances.gather(1, found.labels[:, None])[:, 0].sub(distances.amin(1)).max() < 0.05


def test_well_parted_groups_are_found_as_the_best_of_all_partitions():
    rows = torch.tensor([0.0, 0.2, 5, 5.4, 9, 9.1])[:, None]
    spreads = [
        sum(rows[torch.tensor(labels) == k].var(correction=0) * labels.count(k) for k in range(3))
        for labels in itertools.product(range(3), repeat=6)
        if len(set(labels)) == 3
    ]
    found = k_means(rows, 3)
    assert found.spread == pytest.approx(float(min(spreads)) / 6)
    assert len(set(found.labels.tolist())) == 3


def test_the_same_seed_gives_the_same_and_leaves_the_random_state():
    rows, state = noise(40, 5), torch.get_rng_state()
    first, second = k_means(rows, 5, seed=3), k_means(rows, 5, seed=3)
    assert torch.equal(first.labels, second.labels)
    assert torch.equal(state, torch.get_rng_state())


def test_an_empty_cluster_gets_the_farthest_row():
    rows = torch.tensor([0.0, 0, 0, 1, 1, 10])[:, None]
    found = k_means(rows, 3, init=torch.tensor([0, 1, 2]))
    assert sorted(found.centres[:, 0].tolist()) == [0, 1, 10]
    assert found.spread == 0


def test_there_are_no_more_clusters_than_distinct_rows():
    rows = torch.tensor([[1.0, 2], [1, 2], [3, 4]])
    found = k_means(rows, 5)
    assert sorted(found.centres.tolist()) == [[1, 2], [3, 4]]
    assert found.labels[0] == found.labels[1] != found.labels[2]
    assert k_means(rows[:1], 5).labels.tolist() == [0]
    assert k_means(rows[:0], 5).labels.shape == (0,)


def test_more_starts_are_never_worse():
    rows = noise(60, 2, seed=5)
    spreads = [k_means(rows, 8, starts=starts).spread for starts in (1, 4, 12)]
    assert spreads == sorted(spreads, reverse=True)
