"""Every family of CNN into every kind of CLIP, on the seeded untrained models."""

from typing import get_args

import pytest
import torch
from tests.methods.grafting.direct import direct_table
from tests.methods.grafting.networks import seeded
from torch.testing import assert_close

from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.matching import identity_matching, match_units
from seewhy.methods.grafting.stacks import captured_maps
from seewhy.models.tiny import TinyFamily, TinyTower, tiny_classifier, tiny_dual_encoder

TOWERS = pytest.mark.parametrize("tower", get_args(TinyTower))
PIXELS = torch.randn(5, 3, 32, 32, generator=seeded(0))


@TOWERS
@pytest.mark.parametrize("family", get_args(TinyFamily))
def test_matches_are_those_of_the_direct_form_and_the_graft_reads(family, tower):
    classifier, encoder = tiny_classifier(family), tiny_dual_encoder(tower)
    matching = match_units(classifier, encoder, [(PIXELS, PIXELS)])
    exact = direct_table(
        [maps.double() for maps in captured_maps(classifier, classifier.sites(), PIXELS)],
        [maps.double() for maps in captured_maps(encoder, encoder.stages(), PIXELS)],
    )
    scores = torch.cat([stage.score for stage in matching.stages])
    assert_close(scores, exact.amax(dim=0), atol=1e-5, rtol=0)
    similarities = grafted_similarities(
        classifier,
        encoder,
        Graft(matching),
        (PIXELS, PIXELS),
        text_embeddings=encoder.encode_texts(["a red circle", "a green square"]),
    )
    assert similarities.shape == (5, len(encoder.stages()) + 1, 2)
    assert similarities.isfinite().all()
    assert similarities.diff(dim=1).abs().amax(dim=(0, 2)).min() > 0


@TOWERS
def test_the_identity_graft_changes_no_similarity(tower):
    encoder = tiny_dual_encoder(tower)
    similarities = grafted_similarities(
        encoder,
        encoder,
        Graft(identity_matching(encoder, [PIXELS])),
        (PIXELS, PIXELS),
        text_embeddings=encoder.encode_texts(["a red circle", "a green square"]),
    )
    assert similarities.diff(dim=1).abs().max() <= 1e-6
