import torch
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from torch.testing import assert_close

from seewhy.methods.grafting.moments import CrossMoments, centred


def random_values(images, seed, units=4, mean=0.0):
    generator = torch.Generator().manual_seed(seed)
    return mean + torch.randn(images, 3, 2, units, generator=generator)


def co_moments(left, right):
    """Of two sets of values on the same grid, straight from the definition."""
    left, right = (each.double().flatten(0, 2) for each in (left, right))
    sums = (left - left.mean(dim=0)).T @ (right - right.mean(dim=0))
    return CrossMoments(len(left), left.mean(dim=0), right.mean(dim=0), sums)


@settings(deadline=None)
@given(seed=integers(0, 999), mean=floats(-1e3, 1e3))
def test_mean_and_deviation_are_those_of_the_population(seed, mean):
    values = random_values(5, seed, mean=mean)
    result = centred(values)
    exact = values.double().flatten(0, 2)
    assert_close(result.moments.mean, exact.mean(dim=0), rtol=0, atol=1e-6)
    assert_close(result.moments.std, exact.std(dim=0, correction=0), rtol=1e-6, atol=0)
    restored = result.deviations.double() + result.shift
    assert_close(restored.flatten(0, 2), exact, rtol=0, atol=1e-6)


def test_a_constant_unit_has_exactly_no_deviation():
    values = torch.full((7, 3, 5, 1), 0.1)
    first, second = centred(values).moments, centred(values[:2]).moments
    assert first.merged(second).std.tolist() == [0.0]
    assert first.merged(second).mean.float().tolist() == values[0, 0, 0].tolist()


@settings(deadline=None)
@given(cut=integers(1, 8), seed=integers(0, 999))
def test_parts_merge_to_the_moments_of_the_whole_in_any_order(cut, seed):
    values = random_values(9, seed, mean=30.0)
    first, second = centred(values[:cut]).moments, centred(values[cut:]).moments
    whole = centred(values).moments
    for merged in (first.merged(second), second.merged(first)):
        assert merged.count == whole.count
        assert_close(merged.mean, whole.mean, rtol=0, atol=1e-6)
        assert_close(merged.std, whole.std, rtol=1e-6, atol=0)


@settings(deadline=None)
@given(cut=integers(1, 8), seed=integers(0, 999))
def test_parts_merge_to_the_co_moments_of_the_whole(cut, seed):
    left, right = random_values(9, seed, mean=5.0), random_values(9, seed + 1, units=3, mean=-7.0)
    merged = CrossMoments.empty(4, 3, device=left.device)
    merged.merge(co_moments(left[:cut], right[:cut]))
    merged.merge(co_moments(left[cut:], right[cut:]))
    whole = co_moments(left, right)
    assert merged.count == whole.count
    assert_close(merged.source_mean, whole.source_mean)
    assert_close(merged.target_mean, whole.target_mean)
    assert_close(merged.sums, whole.sums, rtol=1e-9, atol=1e-9)
