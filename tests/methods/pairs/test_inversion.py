from dataclasses import replace

import pytest
import torch
from tests.methods.pairs.golden import assert_near, golden_encoder, tensor, views
from tests.methods.pairs.noise import noise

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.inversion import Inversion, Prior, feature_errors, invert
from seewhy.methods.pairs.site_features import features_at
from seewhy.methods.pairs.total_variation import total_variation


def stepped_by_hand(features, target, start, how):
    """Momentum descent written out, without an optimiser."""
    image, velocity, rate = start.clone(), torch.zeros_like(start), how.rate
    for step in range(how.steps):
        image = image.clamp(0, 1).detach().requires_grad_()
        error = (features(image) - target).square().sum() / target.square().sum()
        loss = how.feature_weight * error + how.prior(image).sum()
        (slope,) = torch.autograd.grad(loss, image)
        velocity = 0.9 * velocity + slope
        image = image.detach() - rate * velocity
        if how.decay_every and step % how.decay_every == 0:
            rate /= 10
    return image


@pytest.mark.parametrize("children", [4, 5])
def test_stored_images(children):
    encoder = golden_encoder()
    for parameter in encoder.module.parameters():
        parameter.requires_grad_(False)
    features = features_at(encoder, f"net.{children - 1}")
    rate = float(tensor("model_difference", "lr"))
    found = invert(
        features,
        features(views(0)[0]),
        0.1 * tensor("model_difference", f"up{children}_init"),
        how=replace(Inversion.published(), rate=rate),
    )
    assert_near(found.images, tensor("model_difference", f"up{children}_result"), 1e-5)


def linear(images):
    return images.flatten(1) @ torch.linspace(-1, 1, images[0].numel()).diag().flip(0)


@pytest.mark.parametrize("decay_every", [0, 3])
def test_momentum_as_by_hand(decay_every):
    start, image = noise(1, 3, 4, 5), noise(1, 3, 4, 5, seed=1)
    prior = Prior(power_weight=0.01, variation_weight=0.02, over="image")
    how = Inversion(
        steps=7,
        rate=0.5,
        optimiser="momentum",
        decay_every=decay_every,
        prior=prior,
        protocol="published",
    )
    found = invert(linear, linear(image), start, how=how)
    torch.testing.assert_close(found.images, stepped_by_hand(linear, linear(image), start, how))


def test_identity_features_give_the_image_back():
    image = noise(2, 3, 5, 6)
    how = Inversion(prior=Prior(variation_weight=0.0))
    found = invert(lambda images: images * 1.0, image, torch.full_like(image, 0.5), how=how)
    assert (found.images - image).abs().max() < 0.01
    assert found.errors.max() < 1e-3
    assert (found.losses[-1] < found.losses[0]).all()


def test_a_batch_is_its_images_and_bounds_hold():
    image, start = noise(3, 3, 5, 6), noise(3, 3, 5, 6, seed=1)
    how = Inversion(steps=20)
    together = invert(linear, linear(image), start, how=how)
    for index in range(3):
        chosen = slice(index, index + 1)
        alone = invert(linear, linear(image[chosen]), start[chosen], how=how)
        torch.testing.assert_close(together.images[chosen], alone.images, rtol=1e-4, atol=1e-5)
    assert together.images.min() >= 0
    assert together.images.max() <= 1


def test_variation_holds_roughness_down():
    image = noise(1, 3, 8, 8)
    rough, smooth = (
        invert(linear, linear(image), image, how=Inversion(prior=Prior(variation_weight=weight)))
        for weight in (0.0, 10.0)
    )
    assert total_variation(smooth.images) < total_variation(rough.images)


def test_priors_over_pixels_are_means():
    images = noise(2, 3, 4, 5)
    weights = {"power_weight": 0.3, "power": 4, "variation_weight": 0.2}
    sums, means = (Prior(**weights, over=over)(images) for over in ("image", "pixels"))
    torch.testing.assert_close(means, sums / 60)
    assert Prior(power_weight=1.0, power=2, variation_weight=0.0, over="image")(
        torch.full((1, 3, 1, 1), 2.0)
    ).tolist() == [12]


def test_errors_are_relative():
    target = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert feature_errors(torch.zeros(2, 2), target).tolist() == [1, 0]
    assert feature_errors(torch.ones(2, 2), target).tolist() == [pytest.approx(13 / 25), 2]


def test_nan_is_an_error_and_settings_are_checked():
    image = torch.full((1, 3, 2, 2), torch.nan)
    with pytest.raises(DataError, match="Give a lower rate"):
        invert(lambda images: images * 1.0, image, image, how=Inversion(steps=1))
    for fault in ({"steps": 0}, {"rate": 0.0}, {"decay_every": -1}):
        with pytest.raises(UsageError, match="at least one step"):
            Inversion(**fault)
