import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from tests.methods.grafting.networks import GivenMaps
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.grafting.stacks import MapStacks, Totals, few_at_once, units_by_size


def random_maps(shape, *, images, seed, mean=0.0):
    generator = torch.Generator().manual_seed(seed)
    return mean + torch.randn(images, *shape, generator=generator)


def held(*maps, images=None):
    network = GivenMaps(maps)
    stacks = MapStacks(network, network.sites(), images=images or len(maps[0]))
    return stacks.hold(network.pixels())


@settings(deadline=None)
@given(seed=integers(0, 999), mean=floats(-1e3, 1e3))
def test_mean_and_deviation_are_those_of_the_population(seed, mean):
    maps = random_maps((4, 3, 2), images=5, seed=seed, mean=mean)
    own = held(maps)
    result = own.totals[3, 2].moments(own.pilots[3, 2])
    exact = maps.double()
    assert_close(result.mean, exact.mean(dim=(0, 2, 3)), rtol=0, atol=1e-6)
    assert_close(result.std, exact.std(dim=(0, 2, 3), correction=0), rtol=1e-6, atol=0)
    restored = own.deviations[3, 2].double() + own.pilots[3, 2]
    assert_close(restored.permute(0, 3, 1, 2), exact, rtol=0, atol=1e-4)


def test_a_constant_unit_has_exactly_no_deviation():
    own = held(torch.full((7, 1, 3, 5), 0.1))
    moments = own.totals[3, 5].moments(own.pilots[3, 5])
    assert moments.std.tolist() == [0.0]
    assert moments.mean.float().tolist() == torch.tensor([0.1]).tolist()
    assert not own.deviations[3, 5].any()


def test_sites_of_one_size_lie_side_by_side_in_forward_order():
    first, other, second = (
        random_maps(shape, images=3, seed=seed)
        for seed, shape in enumerate([(2, 4, 4), (5, 2, 2), (3, 4, 4)])
    )
    own = held(first, other, second)
    both = torch.cat([first, second], dim=1).permute(0, 2, 3, 1)
    assert_close(own.deviations[4, 4] + own.pilots[4, 4], both)
    assert units_by_size(own.shapes)[4, 4].tolist() == [0, 1, 7, 8, 9]
    assert len(own) == 3


def test_the_pilot_stays_that_of_the_first_images():
    maps = random_maps((2, 4, 4), images=6, seed=0)
    network = GivenMaps([maps])
    stacks = MapStacks(network, network.sites(), images=4)
    first = stacks.hold(network.pixels()[:4])
    pilot = first.pilots[4, 4].clone()
    later = stacks.hold(network.pixels()[4:])
    assert torch.equal(later.pilots[4, 4], pilot)
    assert_close(later.deviations[4, 4] + pilot, maps[4:].permute(0, 2, 3, 1))


def test_maps_that_change_size_are_refused():
    network = GivenMaps([random_maps((2, 4, 4), images=3, seed=0)])
    stacks = MapStacks(network, network.sites(), images=3)
    stacks.hold(network.pixels())
    network.maps = [random_maps((2, 5, 5), images=3, seed=0)]
    with pytest.raises(UsageError, match=r"'0' have shape \(2, 5, 5\).*same size"):
        stacks.hold(network.pixels())


def test_maps_that_are_not_finite_are_refused_by_name_and_the_next_are_held():
    fine, broken = (random_maps((2, 4, 4), images=4, seed=seed) for seed in (0, 1))
    broken[3, 1, 2, 2] = torch.inf
    network = GivenMaps([fine, broken])
    stacks = MapStacks(network, network.sites(), images=2)
    stacks.hold(network.pixels()[:2])
    with pytest.raises(DataError, match="'1' hold NaN or infinity") as caught:
        stacks.hold(network.pixels()[2:])
    assert caught.value.code == "non_finite"
    again = stacks.hold(network.pixels()[2:3])
    assert_close(
        again.deviations[4, 4][..., :2] + again.pilots[4, 4][:2], fine[2:3].permute(0, 2, 3, 1)
    )


def test_totals_are_taken_in_pieces(monkeypatch):
    maps = random_maps((3, 5, 5), images=7, seed=0).permute(0, 2, 3, 1)
    whole = Totals.of(maps)
    monkeypatch.setattr("seewhy.methods.grafting.moments._VALUES_AT_ONCE", 10)
    parts = Totals.of(maps)
    assert parts.count == whole.count == 7 * 25
    assert_close(parts.squares, whole.squares)
    assert_close(parts.total, whole.total, atol=1e-5, rtol=0)


def test_on_a_processor_few_images_are_taken_at_once():
    cpu = torch.device("cpu")
    assert few_at_once(torch.zeros(70, 3, 8, 8), cpu) == 32
    assert few_at_once(torch.zeros(6, 3, 224, 224), cpu) == 4
    assert few_at_once(torch.zeros(2, 3, 999, 999), cpu) == 1
    assert few_at_once(torch.zeros(70, 3, 224, 224), torch.device("cuda")) == 70


def test_no_image_is_left_out_between_the_pieces(monkeypatch):
    monkeypatch.setattr("seewhy.methods.grafting.stacks._FORWARD_IMAGES", 3)
    maps = random_maps((2, 4, 4), images=8, seed=0)
    own = held(maps)
    assert_close(own.deviations[4, 4] + own.pilots[4, 4], maps.permute(0, 2, 3, 1))
