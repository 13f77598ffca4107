import numpy as np
import pytest
import torch
from scipy import ndimage
from tests.methods.pairs.golden import arrays, assert_near, golden_encoder, tensor, views
from tests.methods.pairs.noise import noise

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.feature_ascent import Ascent, Climb, Octaves, climb, resized, smoothed
from seewhy.methods.pairs.objectives import FeatureSimilarity, MixtureStrength
from seewhy.methods.pairs.site_features import features_at

STEPS = 6
PLAIN = Ascent(steps=STEPS, step_size=0.02, smoothing="none")
BLURRED = Ascent(steps=STEPS, step_size=0.02)
OCTAVES = Octaves(count=3, scale=1.4)
PUBLISHED = {
    "score": Climb(FeatureSimilarity(), PLAIN),
    "score_blur": Climb(FeatureSimilarity(), BLURRED),
    "score_reg": Climb(
        FeatureSimilarity(distance_weight=0.1),
        Ascent(steps=STEPS, step_size=0.02, length_weight=1e-3, variation_weight=1e-5),
    ),
    "norm_ema": Climb(MixtureStrength(share=0.3, protocol="published"), PLAIN),
    "raw_lr": Climb(
        FeatureSimilarity(), Ascent(steps=STEPS, step_size=2.0, scaling="raw", smoothing="none")
    ),
    "octaves": Climb(FeatureSimilarity(), BLURRED, OCTAVES),
}


def climbed(children, how, *, start=None, target=None):
    encoder = golden_encoder()
    for parameter in encoder.module.parameters():
        parameter.requires_grad_(False)
    return climb(
        features_at(encoder, f"net.{children - 1}"),
        tensor("feature_visualization", "init") if start is None else start,
        views(0)[1] if target is None else target,
        how=how,
    )


@pytest.mark.parametrize("children", [3, 6])
@pytest.mark.parametrize("name", PUBLISHED)
def test_stored_images(name, children):
    assert arrays("feature_visualization")["iterations"] == STEPS
    found = climbed(children, PUBLISHED[name])
    expected = tensor("feature_visualization", f"up{children}_{name}")
    assert_near(found.images, expected, 1e-5)
    if name == "octaves":
        detail = tensor("feature_visualization", f"up{children}_octaves_detail")
        assert_near(found.detail, detail, 1e-5)


def test_the_objective_rises_and_is_that_before_each_step():
    start, target = tensor("feature_visualization", "init"), views(0)[1]
    found = climbed(6, PUBLISHED["score"])
    assert found.values.shape == (STEPS, 1)
    assert found.values[-1] > found.values[0]
    net = golden_encoder().module.net[:6]
    first = torch.cosine_similarity(net(start).flatten(1), net(target).flatten(1))
    torch.testing.assert_close(found.values[0], first.detach())


def test_a_batch_is_its_images():
    start, target = noise(3, 3, 20, 28), noise(3, 3, 20, 28, seed=1)
    how = Climb(FeatureSimilarity(), BLURRED, Octaves(count=2))
    together = climbed(6, how, start=start, target=target)
    for index in range(3):
        chosen = slice(index, index + 1)
        alone = climbed(6, how, start=start[chosen], target=target[chosen])
        torch.testing.assert_close(together.images[chosen], alone.images, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.values[:, chosen], alone.values, rtol=1e-4, atol=1e-6)


def test_an_image_without_a_gradient_stays():
    start = noise(1, 3, 6, 6)
    how = Climb(FeatureSimilarity(), Ascent(steps=3))
    found = climb(lambda images: 0 * images, start, start, how=how)
    assert torch.equal(found.images, start)


def test_a_linear_feature_is_climbed_as_by_hand():
    """The cosine's slope is known: the unit target less its part along the features."""
    start, target = noise(1, 3, 2, 2) / 2 + 0.2, noise(1, 3, 2, 2, seed=1)
    how = Climb(
        FeatureSimilarity(), Ascent(steps=1, step_size=0.01, scaling="raw", smoothing="none")
    )
    found = climb(lambda images: images * 1.0, start, target, how=how)
    unit, aim = start / start.norm(), target / target.norm()
    slope = (aim - (aim * unit).sum() * unit) / start.norm()
    torch.testing.assert_close(found.images, (start + 0.01 * slope).clamp(0, 1))


def test_sizes_shrink_step_by_step():
    assert Octaves(count=3, scale=1.4).sizes(48, 60) == [(24, 31), (34, 43), (48, 60)]
    assert Octaves().sizes(5, 7) == [(5, 7)]
    assert Octaves(count=9, scale=3.0).sizes(5, 7)[0] == (1, 1)


def test_resizing_is_the_linear_spline_of_scipy():
    images = noise(1, 3, 11, 17).double()
    zoomed = ndimage.zoom(images.numpy(), (1, 1, 8 / 11, 23 / 17), order=1)
    np.testing.assert_allclose(resized(images, (8, 23)).numpy(), zoomed, atol=1e-12)


def test_smoothing_keeps_the_sum_and_mirrors_the_border():
    images = noise(2, 3, 9, 12)
    assert_near(smoothed(images, deviation=1.5).sum(dim=(2, 3)), images.sum(dim=(2, 3)), 1e-5)
    row = torch.tensor([[0.0, 0, 0, 0, 1]]).expand(1, 3, 5, 5)
    inner = ndimage.gaussian_filter1d(np.array([0, 0, 0, 0, 1.0]), 1.0)
    np.testing.assert_allclose(smoothed(row, deviation=1.0)[0, 0, 2], inner, atol=1e-6)


def test_nan_is_an_error_and_settings_are_checked():
    nan = torch.full((1, 3, 4, 4), torch.nan)
    how = Climb(FeatureSimilarity(), Ascent(steps=1))
    with pytest.raises(DataError, match="NaN or infinite at step 0"):
        climb(lambda images: images, nan, nan, how=how)
    for fault in ({"steps": 0}, {"step_size": 0.0}):
        with pytest.raises(UsageError, match="at least one step"):
            Ascent(**fault)
    for fault in ({"count": 0}, {"scale": 1.0}):
        with pytest.raises(UsageError, match="at least one size"):
            Octaves(**fault)
