import pytest
import torch
from torch.testing import assert_close

from seewhy.models.small import SIDE, SMALL_FAMILIES, small_classifier


@pytest.mark.parametrize("family", SMALL_FAMILIES)
def test_weights_depend_on_the_seed_alone(family):
    state = torch.random.get_rng_state()
    first, again, other = (
        small_classifier(family, classes=["a", "b", "c"], seed=seed) for seed in (0, 0, 1)
    )
    assert_close(torch.random.get_rng_state(), state)
    pixels = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert_close(first.logits(pixels), again.logits(pixels))
    assert not torch.allclose(first.logits(pixels), other.logits(pixels))
    assert first.logits(pixels).shape == (2, 3)
    assert len(first.sites()) >= 4
    assert 100_000 < sum(weight.numel() for weight in first.module.parameters()) < 400_000
