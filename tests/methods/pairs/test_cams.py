import pytest
import torch
from tests.methods.pairs.golden import assert_near, golden_encoder, tensor, views
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.cams import (
    GradCam,
    HiResCam,
    InteractionCam,
    LayerCam,
    grad_cam_maps,
    hires_cam_maps,
    interaction_slopes,
    layer_cam_maps,
    reduced,
    signed_interaction_slopes,
)
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing

STORED = {"mean": "mean", "max": "max", "attention": "attn"}
METHODS = [
    LayerCam(),
    HiResCam(),
    GradCam(),
    InteractionCam(),
    InteractionCam("max", "interaction"),
]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("protocol", ["published", "mended"])
@pytest.mark.parametrize("pair", [0, 1, 2])
def test_layer_cam_is_the_stored_grad_cam(pair, protocol):
    found = LayerCam(protocol=protocol).maps(golden_encoder(), *views(pair))
    assert_near(found.first[0], tensor("cams", f"p{pair}_gradcam_1"))
    assert_near(found.second[0], tensor("cams", f"p{pair}_gradcam_2"))


@pytest.mark.parametrize("pair", [0, 1, 2])
@pytest.mark.parametrize("reduction", ["mean", "max", "attention"])
@pytest.mark.parametrize("slope", ["place", "interaction"])
def test_interaction_cam_is_the_stored_one(pair, reduction, slope):
    method = InteractionCam(reduction, slope, protocol="published")
    found = method.maps(golden_encoder(), *views(pair))
    key = f"p{pair}_int_{STORED[reduction]}_gi{int(slope == 'interaction')}"
    assert_near(found.first[0], tensor("cams", f"{key}_1"))
    assert_near(found.second[0], tensor("cams", f"{key}_2"))


def test_grad_cam_is_its_formula_on_the_stored_gradients():
    found = GradCam().maps(golden_encoder(), *views())
    for pair in range(3):
        gradients = tensor("cams", f"p{pair}_featgrad_1")[0]
        activations = tensor("pairs", "feat1")[pair]
        total = sum(
            weight * channel
            for weight, channel in zip(gradients.mean(dim=(1, 2)), activations, strict=True)
        )
        assert_near(found.first[pair], total.relu())


def test_layer_cam_and_grad_cam_are_one_where_gradients_are_even_and_positive():
    activations = noise(2, 4, 3, 5).abs()
    gradients = noise(2, 4, 1, 1, seed=1).abs().expand_as(activations)
    assert_close(layer_cam_maps(activations, gradients), grad_cam_maps(activations, gradients))


def test_reductions_by_hand():
    activations = torch.tensor([[[[0.0, 2.0]], [[1.0, 1.0]]]])
    assert reduced(activations, "mean").tolist() == [[1, 1]]
    assert reduced(activations, "max").tolist() == [[2, 1]]
    second = torch.e**3 / (torch.e + torch.e**3)
    assert_close(reduced(activations, "attention"), torch.tensor([[2 * second, 1.0]]))


@pytest.mark.parametrize("reduction", ["mean", "max", "attention"])
def test_interaction_cam_is_its_formula_with_the_stored_gradients(reduction):
    found = InteractionCam(reduction).maps(golden_encoder(), *views())
    for pair in range(3):
        maps = [tensor("pairs", f"feat{view}")[pair] for view in (1, 2)]
        gradients = tensor("cams", f"p{pair}_featgrad_1")[0]
        strengths = [reduced(each[None], reduction)[0] for each in maps]
        expected = sum(
            strengths[0][channel] * strengths[1][channel] * maps[0][channel] * gradients[channel]
            for channel in range(len(gradients))
        )
        assert_near(found.first[pair], expected)


def test_a_map_of_hires_cam_sums_to_the_slope_along_the_activations():
    """Where the cosine is linear in the maps, this is what the maps give to it in all."""
    activations, gradients = noise(2, 4, 3, 5), noise(2, 4, 3, 5, seed=1)
    total = (activations.flatten(1) * gradients.flatten(1)).sum(dim=1)
    assert_close(hires_cam_maps(activations, gradients).sum(dim=(1, 2)), total)
    positive = hires_cam_maps(activations.abs(), gradients.abs())
    assert_close(positive, layer_cam_maps(activations.abs(), gradients.abs()))


def test_signed_interaction_slopes_have_the_size_of_products_and_the_sign_of_gradients():
    first, second = noise(2, 3, 2, 4), noise(2, 3, 2, 4, seed=1)
    rows, cols = signed_interaction_slopes(first, second)
    for image in range(2):
        one, other = first[image].reshape(3, 8), second[image].reshape(3, 8)
        for channel in range(3):
            largest = max(abs(float(one[channel] @ each)) for each in other)
            sign = 1 if one[channel].sum() > 0 else -1
            assert float(rows[image, channel]) == pytest.approx(sign * largest, rel=1e-5)
            largest = max(abs(float(other[channel] @ each)) for each in one)
            sign = 1 if other[channel].sum() > 0 else -1
            assert float(cols[image, channel]) == pytest.approx(sign * largest, rel=1e-5)


def test_interaction_slopes_are_the_strongest_products():
    first, second = noise(2, 3, 2, 4), noise(2, 5, 4, 2, seed=1)
    rows, cols = interaction_slopes(first[:, :, :, :], second[:, :3].reshape(2, 3, 2, 4))
    for image in range(2):
        for channel in range(3):
            flat = second[image, :3].reshape(3, 8)
            assert_close(rows[image, channel], (flat @ first[image, channel].flatten()).max())
            other = first[image].reshape(3, 8)
            assert_close(cols[image, channel], (other @ flat[channel]).max())


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_batch_gives_what_its_pairs_give_and_the_model_stays(method):
    encoder = golden_encoder()
    before = fingerprint(encoder.module)
    together = method.maps(encoder, *views())
    assert fingerprint(encoder.module) == before
    for pair in range(3):
        alone = method.maps(encoder, *views(pair))
        assert_near(alone.first[0], together.first[pair], 1e-5)
        assert_near(alone.second[0], together.second[pair], 1e-5)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_views_with_one_embedding_get_zeros_and_a_note_unless_published(method):
    first = views(0)[0]
    found = method.maps(golden_encoder(), first, first)
    assert (found.first == 0).all()
    assert "same embedding" in found.notes[0]
    published = type(method)(protocol="published").maps(golden_encoder(), first, first)
    assert not any("same embedding" in note for note in published.notes)


def signed_encoder():
    """Its maps are those of a convolution without a ReLU."""
    torch.manual_seed(0)
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module = nn.Sequential(nn.Conv2d(3, 4, 3), pooled)
    return ImageEncoder(module, preprocess=Preprocessing(8), site="0")


@pytest.mark.parametrize("reduction", ["mean", "max", "attention"])
def test_maps_of_both_signs_lose_their_ground_and_keep_the_gradients_of_places(reduction):
    encoder = signed_encoder()
    views_ = noise(2, 3, 8, 8), noise(2, 3, 8, 8, seed=1)
    place, joint = (
        InteractionCam(reduction, slope).maps(encoder, *views_)
        for slope in ("place", "interaction")
    )
    assert torch.equal(joint.first, place.first)
    assert [("both signs" in note) for note in joint.notes] == [True]
    assert not place.notes
    # By hand: the gradient of a mean is the same at all places.
    maps = [encoder.module[0](view).detach() for view in views_]
    means = [each.mean(dim=(2, 3)).requires_grad_() for each in maps]
    cosine = nn.functional.cosine_similarity(*means)
    slopes = torch.autograd.grad(cosine.sum(), means)[0][..., None, None] / 36
    apart = [each - each.flatten(2).median(dim=2).values[..., None, None] for each in maps]
    joint_weights = reduced(apart[0], reduction) * reduced(apart[1], reduction)
    expected = (apart[0] * joint_weights[..., None, None] * slopes).sum(dim=1)
    assert_close(place.first, expected, rtol=1e-4, atol=1e-6)


def test_published_maps_of_both_signs_stay_as_they_are():
    encoder = signed_encoder()
    views_ = noise(1, 3, 8, 8), noise(1, 3, 8, 8, seed=1)
    found = InteractionCam("max", "interaction", protocol="published").maps(encoder, *views_)
    mended = InteractionCam("max", "interaction").maps(encoder, *views_)
    assert not found.notes
    assert not torch.allclose(found.first, mended.first)


def test_maps_without_negative_values_are_not_put_in_doubt():
    assert not InteractionCam("max", "interaction").maps(golden_encoder(), *views()).notes


def test_views_of_two_sizes_have_maps_of_two_grids_that_cannot_interact():
    first, second = noise(1, 3, 32, 48), noise(1, 3, 24, 40, seed=1)
    found = InteractionCam().maps(golden_encoder(), first, second)
    assert (found.first.shape, found.second.shape) == ((1, 4, 6), (1, 3, 5))
    with pytest.raises(UsageError, match="cannot interact"):
        InteractionCam(slope="interaction").maps(golden_encoder(), first, second)


def test_an_encoder_without_maps_is_refused():
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    encoder = ImageEncoder(module, preprocess=Preprocessing(8))
    with pytest.raises(UsageError, match="names no submodule with maps"):
        LayerCam().maps(encoder, noise(1, 3, 8, 8), noise(1, 3, 8, 8))


def test_patches_of_a_transformer_lie_in_their_places():
    """Channels are summed over places, so that a place's gradient is the sum's."""

    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.site = nn.Identity()

        def forward(self, pixels):
            tokens = pixels.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean(dim=(3, 5))
            tokens = tokens.flatten(2).transpose(1, 2)
            tokens = torch.cat((tokens.mean(dim=1, keepdim=True), tokens), dim=1)
            return self.site(tokens)[:, 1:].sum(dim=1)

    encoder = ImageEncoder(Patches(), preprocess=Preprocessing(8), site="site", patch=(2, 2))
    first, second = noise(1, 3, 4, 6), noise(1, 3, 6, 4, seed=1)
    found = LayerCam().maps(encoder, first, second)
    one, other = (view.sum(dim=(2, 3)) / 4 for view in (first, second))
    one.requires_grad_()
    cosine = nn.functional.cosine_similarity(one, other)
    (gradient,) = torch.autograd.grad(cosine.sum(), one)
    cells = nn.functional.avg_pool2d(first, 2)
    assert_close(found.first, (cells * gradient[..., None, None].relu()).sum(dim=1))


def test_grad_cam_says_where_one_weight_per_channel_tells_little():
    pair = noise(1, 3, 8, 8), noise(1, 3, 8, 8, seed=1)
    (note,) = GradCam().maps(signed_encoder(), *pair).notes
    assert "both signs" in note
    assert not GradCam().maps(golden_encoder(), *views(0)).notes
