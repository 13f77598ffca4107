"""Places of one view that look like some place of the other."""

import pytest
import torch
from tests.methods.pairs.golden import golden_encoder, views
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.data.planted_pairs import scene_pairs
from seewhy.evaluation.tasks.pair_methods import Judging, judge_methods
from seewhy.methods.pairs.matching import PatchMatching, likeness, matching_maps, partners
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder
from seewhy.models.preprocessing import Preprocessing


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def planted(grounds=(1.0, -1.0)):
    """Two grids of different grounds that share one thing, at (1, 2) and at (3, 0)."""
    first = torch.full((1, 4, 3, 4), grounds[0]) + 0.01 * noise(1, 4, 3, 4, seed=1)
    second = torch.full((1, 4, 5, 2), grounds[1]) + 0.01 * noise(1, 4, 5, 2, seed=2)
    thing = torch.tensor([3.0, -2.0, 0.5, 1.0])
    first[0, :, 1, 2] += thing
    second[0, :, 3, 0] += thing
    return first, second


def test_what_both_views_have_is_found_on_grounds_that_differ():
    first, second = planted()
    found = likeness(first, second)
    one, other = matching_maps(found, ((3, 4), (5, 2)))
    assert one.shape == (1, 3, 4)
    assert other.shape == (1, 5, 2)
    assert divmod(int(one[0].argmax()), 4) == (1, 2)
    assert divmod(int(other[0].argmax()), 2) == (3, 0)
    assert one[0, 1, 2] == pytest.approx(1, abs=0.01)
    assert int(partners(found)[0, 1 * 4 + 2]) == 3 * 2 + 0


def test_likeness_is_the_cosine_of_what_is_left_of_the_median():
    first, second = noise(2, 5, 3, 3), noise(2, 5, 2, 4, seed=3)
    found = likeness(first, second)
    one = first[1].flatten(1) - first[1].flatten(1).median(dim=1, keepdim=True).values
    other = second[1].flatten(1) - second[1].flatten(1).median(dim=1, keepdim=True).values
    wanted = torch.cosine_similarity(one[:, 4], other[:, 6], dim=0)
    assert found[1, 4, 6] == pytest.approx(wanted.item(), abs=1e-6)
    assert found.abs().max() <= 1 + 1e-6


def test_a_constant_change_of_a_view_changes_nothing():
    first, second = planted()
    torch.testing.assert_close(
        likeness(first + 5, second), likeness(first, second), rtol=0, atol=1e-3
    )


def test_a_batch_is_its_pairs_and_views_may_be_exchanged():
    encoder, method = golden_encoder(), PatchMatching()
    pairs = [views(pair) for pair in range(3)]
    together = method.maps(encoder, *(torch.cat(each) for each in zip(*pairs, strict=True)))
    for number, (first, second) in enumerate(pairs):
        alone = method.maps(encoder, second, first)
        torch.testing.assert_close(together.first[number], alone.second[0])
        torch.testing.assert_close(together.second[number], alone.first[0])


def test_an_encoder_without_maps_is_refused():
    module = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))
    module(torch.zeros(1, 3, 8, 8))
    encoder = ImageEncoder(module, preprocess=Preprocessing(8))
    with pytest.raises(UsageError, match="names no submodule with maps"):
        PatchMatching().maps(encoder, torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))


def test_it_points_at_the_object_that_two_scenes_share():
    encoder = load_image_encoder("embedded:clip-objects")
    found = judge_methods(
        encoder,
        {"matching": PatchMatching()},
        scene_pairs(8, seed=3),
        judging=Judging(("pointing",), side=64, pairs=8),
    )
    assert found["matching"]["top region"].mean() >= 0.85
