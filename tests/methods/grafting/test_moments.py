import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch.testing import assert_close

from seewhy.methods.grafting.moments import CrossMoments, Moments


def random_values(images, seed, units=4, mean=0.0):
    generator = torch.Generator().manual_seed(seed)
    return mean + torch.randn(images, 3, 2, units, generator=generator)


def co_moments(left, right):
    """Of two sets of values on the same grid, straight from the definition."""
    left, right = (each.double().flatten(0, 2) for each in (left, right))
    sums = (left - left.mean(dim=0)).T @ (right - right.mean(dim=0))
    return CrossMoments(len(left), left.mean(dim=0), right.mean(dim=0), sums)


def moments(values):
    """From the definition."""
    values = values.double().flatten(0, 2)
    mean = values.mean(dim=0)
    return Moments(len(values), mean, (values - mean).square().sum(dim=0))


@settings(deadline=None)
@given(cut=integers(1, 8), seed=integers(0, 999))
def test_parts_merge_to_the_moments_of_the_whole_in_any_order(cut, seed):
    values = random_values(9, seed, mean=30.0)
    first, second = moments(values[:cut]), moments(values[cut:])
    whole = moments(values)
    for merged in (first.merged(second), second.merged(first)):
        assert merged.count == whole.count
        assert_close(merged.mean, whole.mean, rtol=0, atol=1e-6)
        assert_close(merged.std, whole.std, rtol=1e-6, atol=0)


@settings(deadline=None)
@given(cut=integers(1, 8), seed=integers(0, 999))
def test_parts_merge_to_the_co_moments_of_the_whole(cut, seed):
    left, right = random_values(9, seed, mean=5.0), random_values(9, seed + 1, units=3, mean=-7.0)
    merged = co_moments(left[:cut], right[:cut])
    merged.merge(co_moments(left[cut:], right[cut:]))
    whole = co_moments(left, right)
    assert merged.count == whole.count
    assert_close(merged.source_mean, whole.source_mean)
    assert_close(merged.target_mean, whole.target_mean)
    assert_close(merged.sums, whole.sums, rtol=1e-9, atol=1e-9)
