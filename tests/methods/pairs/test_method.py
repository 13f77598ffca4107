import dataclasses

import pytest
import torch
from tests.methods.pairs.golden import assert_near, golden_encoder, tensor, views
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.method import (
    Centres,
    PairMaps,
    PairMethod,
    by_maximum,
    check_views,
    cosines,
    min_max,
    over_pixels,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclasses.dataclass(frozen=True)
class FirstPixels(PairMethod):
    """The first channels as maps, times a factor."""

    factor: float = 1.0

    name = "first-pixels"

    def compute(self, encoder, first, second):
        similarity = cosines(encoder.embed(first), encoder.embed(second)).detach()
        return PairMaps(first[:, 0] * self.factor, second[:, 0] * self.factor, similarity)


def test_the_golden_encoder_embeds_as_stored():
    encoder = golden_encoder()
    for view, pixels in enumerate(views(), 1):
        mapped = encoder.embed_maps(pixels)
        assert_near(mapped.embeddings.detach(), tensor("pairs", f"z{view}"), 1e-5)
        assert_near(mapped.maps(mapped.source).detach(), tensor("pairs", f"feat{view}"), 1e-5)
    found = cosines(tensor("pairs", "z1"), tensor("pairs", "z2"))
    assert_near(found, tensor("pairs", "cos"), 1e-5)


def test_a_cosine_with_zeros_is_zero():
    assert cosines(torch.zeros(1, 3), torch.ones(1, 3)).tolist() == [0.0]


@pytest.mark.parametrize("size", [(12, 20), (7, 9), (5, 3)])
def test_even_centres_resize_as_torch_does(size):
    height, width = size
    maps = noise(2, 4, 3)
    even = Centres(
        tuple((row + 0.5) * height / 4 for row in range(4)),
        tuple((col + 0.5) * width / 3 for col in range(3)),
    )
    assert_close(over_pixels(maps, size, centres=even), over_pixels(maps, size))


def test_between_two_centres_a_map_rises_evenly_and_beyond_them_not_at_all():
    maps = torch.tensor([[[0.0, 4.0]]])
    found = over_pixels(maps, (2, 8), centres=Centres((1.0,), (2.5, 6.5)))
    assert_close(found, torch.tensor([0.0, 0, 0, 1, 2, 3, 4, 4]).expand(1, 2, 8))


def test_maps_at_pixels_have_each_view_s_own_size():
    maps = PairMaps(
        noise(2, 3, 4),
        noise(2, 1, 2),
        torch.zeros(2),
        first_centres=Centres((1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0)),
    )
    found = maps.at_pixels((6, 8), (5, 7))
    assert found.first.shape == (2, 6, 8)
    assert_close(
        found.second, functional.interpolate(maps.second[:, None], (5, 7), mode="bilinear")[:, 0]
    )
    assert found.first_centres is None


def test_min_max_runs_from_0_to_1_and_keeps_the_order():
    maps = noise(2, 3, 5)
    found = min_max(maps)
    assert_close(found.amin(dim=(1, 2)), torch.zeros(2))
    assert_close(found.amax(dim=(1, 2)), torch.ones(2))
    assert (found.flatten(1).argsort() == maps.flatten(1).argsort()).all()
    assert (min_max(torch.full((1, 2, 2), 3.0)) == 0).all()


def test_by_maximum_makes_the_maximum_1_and_leaves_zeros():
    assert_close(by_maximum(torch.tensor([[[1.0, 4.0]]])), torch.tensor([[[0.25, 1.0]]]))
    assert (by_maximum(torch.zeros(1, 2, 2)) == 0).all()


def test_a_flat_map_is_noted_with_its_pair_and_view():
    encoder = golden_encoder()
    first, second = noise(2, 3, 16, 24), noise(2, 3, 20, 12, seed=1)
    second[1, 0] = 0.5
    found = FirstPixels().maps(encoder, first, second)
    assert [note[:20] for note in found.notes] == ["Pair 1, second view:"]
    assert (found.first.shape, found.second.shape) == ((2, 16, 24), (2, 20, 12))


def test_what_does_not_pair_up_is_refused():
    with pytest.raises(UsageError, match="2 first views and 3 second"):
        check_views(noise(2, 3, 8, 8), noise(3, 3, 8, 8))
    with pytest.raises(UsageError, match="at least one"):
        check_views(noise(0, 3, 8, 8), noise(0, 3, 8, 8))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_pixels_that_are_not_finite_are_refused_by_pair(bad):
    first, second = noise(3, 3, 8, 8), noise(3, 3, 8, 8)
    second[1, 2, 3, 4] = bad
    with pytest.raises(DataError, match="second view of pair 1") as caught:
        check_views(first, second)
    assert caught.value.code == "non_finite"


def test_maps_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="first-pixels with golden"):
        FirstPixels(factor=float("nan")).maps(golden_encoder(), *views())
