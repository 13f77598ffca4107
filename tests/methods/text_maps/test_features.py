import pytest
import torch
from tests.methods.text_maps.golden import TOLERANCE, tensor
from torch.nn import functional
from torch.testing import assert_close

from seewhy.methods.text_maps.features import (
    class_weights,
    scaled,
    similarities,
    smoothed,
    without_common,
    without_redundant,
)

LABELS = 6


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def published(tokens, texts):
    """The published formula, with its tensor of every token, text and channel."""
    tokens, texts = functional.normalize(tokens, dim=-1), functional.normalize(texts, dim=-1)
    chances = torch.softmax(2 * tokens[:1] @ texts.T, dim=-1)
    weights = chances / chances.mean(dim=-1, keepdim=True)
    products = tokens[:, None] * texts[None] * weights.reshape(1, -1, 1)
    return (products - products.mean(dim=1, keepdim=True)).sum(dim=-1)


def weighted(tokens, texts):
    found = similarities(tokens, texts)
    return without_common(found, class_weights(found[:, 0]))


@pytest.mark.parametrize("side", [64, 96])
def test_weighted_labels_are_the_stored_ones(side):
    found = weighted(
        tensor("vit", f"surgery_tokens_{side}"), tensor("vit", "text_features")[:LABELS]
    )
    assert_close(found, tensor("vit", f"sim_class_weighted_{side}"), **TOLERANCE)


@pytest.mark.parametrize("side", [64, 96])
def test_a_redundant_text_gives_the_stored_similarities(side):
    found = similarities(tensor("vit", f"surgery_tokens_{side}"), tensor("vit", "text_features"))
    found = without_redundant(found[..., :LABELS], found[..., LABELS:])
    assert_close(found, tensor("vit", f"sim_redundant_{side}"), **TOLERANCE)


def test_the_short_formula_is_the_published_one():
    tokens, texts = noise(3, 7, 16), noise(5, 16, seed=1)
    wanted = torch.stack([published(image, texts) for image in tokens])
    assert_close(weighted(tokens, texts), wanted)


def test_what_is_left_sums_to_zero_over_the_texts():
    found = weighted(noise(3, 7, 16), noise(5, 16, seed=1))
    assert_close(found.sum(dim=-1), torch.zeros(3, 7), atol=1e-6, rtol=0)


def test_one_text_has_all_in_common_with_itself():
    assert not without_common(noise(2, 3, 1)).any()


def test_texts_that_are_equal_for_the_image_weigh_the_same():
    assert_close(class_weights(torch.full((2, 4), 0.3)), torch.ones(2, 4))
    assert_close(class_weights(noise(3, 5)).mean(dim=-1), torch.ones(3))


def test_without_weights_or_with_a_redundant_text_the_best_text_stays_the_best():
    found = similarities(noise(3, 7, 16), noise(5, 16, seed=1))
    best = found.argmax(dim=-1)
    assert torch.equal(without_common(found).argmax(dim=-1), best)
    assert torch.equal(without_redundant(found, found[..., :1]).argmax(dim=-1), best)


def test_a_vector_of_zeros_is_like_nothing():
    assert not similarities(torch.zeros(1, 2, 4), noise(3, 4)).any()


def test_maps_are_scaled_one_by_one():
    maps = torch.stack([torch.tensor([[-1.0, 0], [1, 3]]), torch.full((2, 2), 7.0)])[None]
    wanted = torch.stack([torch.tensor([[0, 0.25], [0.5, 1]]), torch.zeros(2, 2)])[None]
    assert_close(scaled(maps), wanted)
    assert_close(scaled(-2 * maps[:, :1] + 5), 1 - scaled(maps[:, :1]))


def test_smoothing_is_a_mean_over_patches_by_their_likeness():
    tokens, found = noise(2, 5, 8), noise(2, 5, 3, seed=1)
    for image in range(2):
        own = tokens[image] - tokens[image].mean(dim=0)
        for patch in range(5):
            weights = torch.tensor(
                [
                    torch.cosine_similarity(own[patch], own[other], dim=0).mul(3).exp()
                    for other in range(5)
                ]
            )
            wanted = (weights[:, None] * found[image]).sum(dim=0) / weights.sum()
            assert_close(smoothed(found, tokens, sharpness=3.0)[image, patch], wanted)


def test_two_kinds_of_patches_share_values_within_their_kind_alone():
    tokens = torch.tensor([[[1.0, 0], [0, 1], [1, 0], [0, 1]]])
    found = torch.tensor([[[4.0], [0], [2], [1]]])
    sharp = smoothed(found, tokens, sharpness=50.0)
    assert_close(sharp, torch.tensor([[[3.0], [0.5], [3], [0.5]]]))
    assert_close(smoothed(found, tokens, sharpness=0.0), torch.full((1, 4, 1), 1.75))


def test_smoothing_keeps_within_the_range_and_one_patch_as_it_is():
    tokens, found = noise(1, 30, 8), noise(1, 30, 2, seed=1)
    result = smoothed(found, tokens, sharpness=3.0)
    assert (result.amax(dim=1) <= found.amax(dim=1)).all()
    assert (result.amin(dim=1) >= found.amin(dim=1)).all()
    assert_close(smoothed(found[:, :1], tokens[:, :1], sharpness=3.0), found[:, :1])
    equal = smoothed(found, torch.ones_like(tokens), sharpness=3.0)
    assert_close(equal, found.mean(dim=1, keepdim=True).expand_as(found))
