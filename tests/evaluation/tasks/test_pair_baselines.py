import numpy as np
import pytest
import torch
from tests.methods.pairs.golden import golden_encoder, views
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.evaluation.tasks.pair_baselines import CentredGaussian, RandomRanking
from seewhy.models.guard import fingerprint

METHODS = [RandomRanking(), RandomRanking(cell=7), CentredGaussian()]


@pytest.mark.parametrize("method", METHODS)
def test_a_pair_has_the_same_maps_alone_and_the_similarity_of_the_model(method):
    encoder, (first, second) = golden_encoder(), views()
    before = fingerprint(encoder.module)
    found = method.maps(encoder, first, second[:, :, :40])
    alone = method.maps(encoder, first[1:2], second[1:2, :, :40])
    assert fingerprint(encoder.module) == before
    assert_close(found.first[1:2], alone.first)
    assert_close(found.second[1:2], alone.second)
    assert found.first.shape == (3, 48, 48)
    assert found.second.shape == (3, 40, 48)
    with torch.no_grad():
        whole = torch.cosine_similarity(encoder.embed(first), encoder.embed(second[:, :, :40]))
    assert_close(found.similarity, whole)
    found.similarity.add(1).sum()  # Not bound to the block in which it was computed.


def test_random_maps_differ_by_view_content_and_seed_and_have_cells():
    encoder, (first, _) = golden_encoder(), views()
    found = RandomRanking(cell=5).maps(encoder, first, first)
    maps = [*found.first, *found.second, RandomRanking(5, 5).maps(encoder, first, first).first[0]]
    assert len({float(each.sum()) for each in maps}) == 7
    cells = found.first[0, :45, :45].reshape(9, 5, 9, 5)
    assert (cells == cells[:, :1, :, :1]).all()
    assert len(cells[:, 0, :, 0].unique()) == 81
    assert [method.name for method in METHODS[:2]] == ["random ranking", "random squares of 7"]
    with pytest.raises(UsageError, match="at least 1"):
        RandomRanking(cell=0)


def test_the_gaussian_is_highest_in_the_middle_and_as_wide_as_it_says():
    pixels = torch.zeros(1, 3, 30, 50)
    (found,) = CentredGaussian(0.2).maps(golden_encoder(), pixels, pixels).first.numpy()
    assert np.allclose(found, found[::-1])
    assert np.allclose(found, found[:, ::-1])
    assert found[15, 25] == found.max()
    # One deviation, a fifth of the side, from the middle to the middle of a pixel.
    assert found[15 + 6, 25] / found[15, 25] == pytest.approx(np.exp((0.5**2 - 6.5**2) / 72))
