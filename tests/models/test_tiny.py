"""Tiny models are the real things, small: seeded, complete, of every family."""

from typing import get_args

import pytest
import torch

from seewhy.models.checkpoints import weights_hash
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.models.tiny import (
    WORDS,
    TinyFamily,
    TinyTower,
    tiny_classifier,
    tiny_dual_encoder,
)
from seewhy.taps.capture import capture


@pytest.mark.parametrize("family", get_args(TinyFamily))
def test_every_family_has_scores_and_maps(family):
    model = tiny_classifier(family, classes=4)
    assert isinstance(model, ClassifierLike)
    names = [site.name for site in model.sites()]
    with capture(model.module, names) as outputs:
        scores = model.logits(torch.randn(2, 3, 32, 32))
    assert scores.shape == (2, 4)
    assert list(outputs) == names
    assert all(output.ndim == 4 for output in outputs.values())


@pytest.mark.parametrize("tower", get_args(TinyTower))
def test_every_tower_knows_its_words(tower):
    encoder = tiny_dual_encoder(tower)
    assert isinstance(encoder, DualEncoder)
    assert encoder.encode_texts(WORDS).shape == (len(WORDS), 16)
    assert len(encoder.stages()) == 4


@pytest.mark.parametrize("make", [tiny_classifier, tiny_dual_encoder])
def test_the_seed_decides_and_the_world_stays(make):
    state = torch.get_rng_state()
    hashes = [weights_hash(make(seed=seed).module) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("make", [tiny_classifier, tiny_dual_encoder])
def test_tiny_means_tiny(make):
    assert sum(each.numel() for each in make().module.parameters()) < 1_500_000
