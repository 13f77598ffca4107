from dataclasses import replace

import pytest
import torch
from tests.methods.grafting.direct import direct_graft
from tests.methods.grafting.networks import (
    SmallClassifier,
    clip_resnet,
    clip_vit,
    image_pairs,
    seeded,
)
from torch.testing import assert_close

from seewhy.methods.grafting.graft import Graft, gain, grafted_similarities
from seewhy.methods.grafting.matching import (
    IMAGES_AT_ONCE,
    identity_matching,
    match_units,
)
from seewhy.methods.grafting.method import Grafting, permuted
from seewhy.methods.grafting.stacks import captured_maps
from seewhy.models.guard import fingerprint, inference

ENCODERS = pytest.mark.parametrize("make_encoder", [clip_resnet, clip_vit])
RESIZES = pytest.mark.parametrize("resize", ["bilinear", "bicubic"])
PAPER = Grafting(protocol="paper")


def texts(encoder):
    return encoder.encode_texts(["a", "b", "c"])


def similarities_without_graft(encoder, pixels):
    with inference(encoder.module):
        return encoder.encode_images(pixels) @ texts(encoder).T


@ENCODERS
@RESIZES
def test_the_identity_graft_changes_no_similarity(make_encoder, resize):
    encoder, (_, pixels) = make_encoder(2), image_pairs(10, 3)
    matching = identity_matching(encoder, [pixels])
    similarities = grafted_similarities(
        encoder,
        encoder,
        Graft(matching, Grafting(resize=resize)),
        (pixels, pixels),
        text_embeddings=texts(encoder),
    )
    assert similarities.shape == (10, len(encoder.stages()) + 1, 3)
    assert (similarities - similarities[:, :1]).abs().max() <= 1e-6


@ENCODERS
def test_no_stage_replaced_is_the_encoder_itself(make_encoder):
    classifier, encoder, pairs = SmallClassifier(1), make_encoder(2), image_pairs(5, 3)
    matching = match_units(classifier, encoder, [pairs])
    similarities = grafted_similarities(
        classifier, encoder, Graft(matching), pairs, text_embeddings=texts(encoder)
    )
    assert_close(similarities[:, 0], similarities_without_graft(encoder, pairs[1]))


def test_each_stage_of_a_cnn_changes_the_reading():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(5, 3)
    matching = match_units(classifier, encoder, [pairs])
    similarities = grafted_similarities(
        classifier, encoder, Graft(matching), pairs, text_embeddings=texts(encoder)
    )
    assert similarities.diff(dim=1).abs().amax(dim=(0, 2)).min() > 1e-3


def test_patches_of_the_last_block_of_a_vit_are_never_read():
    classifier, encoder, pairs = SmallClassifier(1), clip_vit(2), image_pairs(5, 3)
    matching = match_units(classifier, encoder, [pairs])
    similarities = grafted_similarities(
        classifier, encoder, Graft(matching), pairs, text_embeddings=texts(encoder)
    )
    steps = similarities.diff(dim=1).abs().amax(dim=(0, 2))
    assert steps[:-1].min() > 1e-3
    assert steps[-1] == 0


@RESIZES
def test_the_paper_s_graft_is_the_published_formula(resize):
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(5, 3)
    matching = match_units(classifier, encoder, [pairs])
    source_maps = captured_maps(classifier, classifier.sites(), pairs[0])
    target_maps = captured_maps(encoder, encoder.stages(), pairs[1])
    graft = Graft(matching, replace(PAPER, resize=resize))
    donors = graft.donor_maps(classifier, pairs[0])
    for number, (stage, target) in enumerate(zip(matching.stages, target_maps, strict=True)):
        rows, cols = target.shape[2:]
        grafted = graft.stage_maps(number, donors, size=(rows, cols))
        exact = direct_graft(source_maps, target, best=stage.best.tolist(), mode=resize)
        assert_close(grafted, exact, atol=2e-5, rtol=1e-5)


def test_epsilon_comes_back_by_default_and_not_in_the_paper():
    source, target = torch.tensor([1e-5, 1.0]), torch.tensor([2e-5, 0.0])
    assert_close(gain(source, target, protocol="paper"), torch.tensor([1.0, 0.0]))
    assert_close(gain(source, target, protocol="default"), torch.tensor([1.5, 1e-5 / (1 + 1e-5)]))


def test_grafted_maps_have_the_moments_of_the_stage_when_nothing_is_resized():
    encoder, (_, pixels) = clip_resnet(2), image_pairs(6, 3)
    stages = encoder.stages()[1:2]
    matching = permuted(identity_matching(encoder, [pixels], stages=stages), seeded(0))
    maps = captured_maps(encoder, stages, pixels)
    (stage,) = matching.stages
    rows, cols = maps[0].shape[2:]
    graft = Graft(matching)
    grafted = graft.stage_maps(0, graft.donor_maps(encoder, pixels), size=(rows, cols))
    alive = matching.sources.std[stage.best] > 1e-2
    assert alive.any()
    assert_close(
        grafted.mean(dim=(0, 2, 3))[alive].double(), stage.mean[alive], atol=1e-4, rtol=1e-3
    )
    std = grafted.std(dim=(0, 2, 3), correction=0)[alive].double()
    assert_close(std, stage.std[alive], atol=1e-4, rtol=1e-2)


def test_a_cnn_fully_replaced_forgets_its_own_image():
    classifier, encoder, (small, large) = SmallClassifier(1), clip_resnet(2), image_pairs(4, 3)
    matching = match_units(classifier, encoder, [(small, large)])
    right, wrong = (
        grafted_similarities(
            classifier, encoder, Graft(matching), (small, pixels), text_embeddings=texts(encoder)
        )
        for pixels in (large, large.flip(0))
    )
    assert_close(right[:, 1:], wrong[:, 1:], atol=1e-6, rtol=0)
    assert (right[:, 0] - wrong[:, 0]).abs().max() > 1e-3


def test_a_vit_keeps_its_class_token():
    classifier, encoder, (small, large) = SmallClassifier(1), clip_vit(2), image_pairs(4, 3)
    matching = match_units(classifier, encoder, [(small, large)])
    right, wrong = (
        grafted_similarities(
            classifier, encoder, Graft(matching), (small, pixels), text_embeddings=texts(encoder)
        )
        for pixels in (large, large.flip(0))
    )
    assert (right[:, -1] - wrong[:, -1]).abs().max() > 1e-4


def test_batch_size_and_order_change_no_similarity():
    classifier, encoder = SmallClassifier(1), clip_resnet(2)
    pairs = image_pairs(IMAGES_AT_ONCE + 1, 3)
    matching = match_units(classifier, encoder, [pairs])

    def read(small, large):
        return grafted_similarities(
            classifier, encoder, Graft(matching), (small, large), text_embeddings=texts(encoder)
        )

    whole = read(*pairs)
    parts = zip(*(torch.split(pixels, 5) for pixels in pairs), strict=True)
    assert_close(torch.cat([read(*part) for part in parts]), whole, atol=1e-5, rtol=0)
    assert_close(read(*(pixels.flip(0) for pixels in pairs)).flip(0), whole, atol=1e-5, rtol=0)


def test_both_networks_are_left_as_found():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(3, 3)
    matching = match_units(classifier, encoder, [pairs])
    before = [fingerprint(network.module) for network in (classifier, encoder)]
    grafted_similarities(
        classifier, encoder, Graft(matching), pairs, text_embeddings=texts(encoder)
    )
    assert [fingerprint(network.module) for network in (classifier, encoder)] == before


def test_texts_that_learn_do_not_stop_the_reading():
    classifier, encoder, pairs = SmallClassifier(1), clip_resnet(2), image_pairs(2, 3)
    matching = match_units(classifier, encoder, [pairs])
    learning = texts(encoder).requires_grad_()
    similarities = grafted_similarities(
        classifier, encoder, Graft(matching), pairs, text_embeddings=learning
    )
    assert not similarities.requires_grad


@ENCODERS
def test_similarities_known_before_any_graft_are_not_read_again(make_encoder):
    classifier, encoder, pairs = SmallClassifier(1), make_encoder(2), image_pairs(5, 3)
    graft = Graft(match_units(classifier, encoder, [pairs]))
    given = {"text_embeddings": texts(encoder)}
    whole = grafted_similarities(classifier, encoder, graft, pairs, **given)
    known = torch.rand(5, 3, generator=seeded(1))
    similarities = grafted_similarities(classifier, encoder, graft, pairs, plain=known, **given)
    assert torch.equal(similarities[:, 0], known)
    assert_close(similarities[:, 1:], whole[:, 1:], atol=1e-5, rtol=0)
