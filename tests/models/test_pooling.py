import pytest
import torch
from open_clip.modified_resnet import AttentionPool2d
from torch import nn
from torch.testing import assert_close

from seewhy.models.guard import fingerprint
from seewhy.models.pooling import attention_pool, one_query


class Tower(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.attnpool = pool

    def forward(self, maps):
        return self.attnpool(maps)


@pytest.fixture
def tower():
    torch.manual_seed(0)
    return Tower(AttentionPool2d(3, 16, 4, 6)).eval()


@pytest.fixture
def maps():
    return 3 * torch.randn(5, 16, 3, 3, generator=torch.Generator().manual_seed(1))


def test_the_pool_of_one_query_is_open_clip_s(tower, maps):
    assert_close(attention_pool(tower.attnpool, maps), tower(maps), atol=1e-6, rtol=1e-5)
    last = maps.contiguous(memory_format=torch.channels_last)
    assert_close(attention_pool(tower.attnpool, last), tower(maps), atol=1e-6, rtol=1e-5)


def test_it_takes_the_place_of_the_tower_s_own_and_gives_it_back(tower, maps, monkeypatch):
    before, own = fingerprint(tower), tower(maps)
    monkeypatch.setattr("seewhy.models.pooling.attention_pool", lambda _, maps: maps.sum())
    with one_query(tower):
        assert torch.equal(tower(maps), maps.sum())
    assert fingerprint(tower) == before
    assert torch.equal(tower(maps), own)
    with pytest.raises(KeyError), one_query(tower):
        raise KeyError
    assert fingerprint(tower) == before


@pytest.mark.parametrize("pool", ["foreign", "changed", "absent"])
def test_other_pools_are_left_alone(tower, maps, pool):
    if pool == "foreign":
        tower.attnpool = nn.Flatten()
    elif pool == "changed":
        tower.attnpool.forward = lambda maps: maps + 1
    else:
        tower = nn.Flatten()
    own = tower(maps)
    with one_query(tower):
        assert torch.equal(tower(maps), own)
    assert torch.equal(tower(maps), own)
