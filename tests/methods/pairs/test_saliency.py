import pytest
import torch
from tests.methods.pairs.golden import arrays, assert_near, golden_encoder, tensor, views
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.blur import blurred
from seewhy.methods.pairs.gradients import (
    PairSimilarity,
    largest_product,
    mean_slopes,
    mixed_path,
    path_slopes,
    step_slopes,
    summed_product,
)
from seewhy.methods.pairs.method import cosines
from seewhy.methods.pairs.saliency import (
    AveragedTransforms,
    InputGradient,
    SmoothGrad,
    noise_deviation,
    shared_draws,
)
from seewhy.models.guard import differentiation, fingerprint

METHODS = [InputGradient(), SmoothGrad(samples=3), AveragedTransforms(step=0.5, level=0.1)]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


RULES = ("gradient", "guided")


def within(encoder, function):
    """The function of the encoder's similarity, which is left as found."""
    with differentiation(encoder.module):
        return function(PairSimilarity(encoder.module, encoder.embed))


@pytest.mark.parametrize("rule", [0, 1])
@pytest.mark.parametrize("blur", [0, 1])
def test_input_gradient_is_the_stored_one(rule, blur):
    method = InputGradient(
        rule=RULES[rule],
        smoothing="gaussian" if blur else "none",
        protocol="published",
    )
    found = method.maps(golden_encoder(), *views(0))
    assert_near(found.first, tensor("saliency", f"grad_guided{rule}_blur{blur}_1"))
    assert_near(found.second, tensor("saliency", f"grad_guided{rule}_blur{blur}_2"))


def test_a_map_is_what_fading_its_pixels_loses_to_first_order():
    encoder, (first, second) = golden_encoder(), views(0)
    found = InputGradient(smoothing="none").maps(encoder, first, second)
    faded = torch.ones_like(first)
    faded[..., 10:20, 5:30] -= 1e-3
    with torch.no_grad():
        drops = [
            cosines(encoder.embed(one), encoder.embed(other))
            for one, other in ((first, second), (first * faded, second), (first, second * faded))
        ]
    for maps, after in ((found.first, drops[1]), (found.second, drops[2])):
        expected = 1e-3 * maps[..., 10:20, 5:30].sum()
        assert float(drops[0] - after) == pytest.approx(float(expected), rel=0.05, abs=2e-7)
    assert found.first.min() < 0 < found.first.max()


@pytest.mark.parametrize("rule", [0, 1])
def test_smooth_grad_with_the_stored_noise_is_the_stored_one(rule):
    encoder, (first, second) = golden_encoder(), views(0)
    drawn = tensor("saliency", "smooth_noise")[:, 0]
    found = within(
        encoder,
        lambda similarity: mean_slopes(similarity, first + drawn, second + drawn, rule=RULES[rule]),
    )
    expected = [tensor("saliency", f"smooth_guided{rule}_{view}") for view in (1, 2)]
    assert_near(largest_product(first, found.first), expected[0])
    assert_near(largest_product(second, found.second), expected[1])


def test_the_published_noise_divides_by_the_range():
    deviation = noise_deviation(views(0)[0], level=0.15, published=True)
    assert deviation == pytest.approx(float(arrays("saliency")["smooth_sigma"]), rel=1e-6)
    assert noise_deviation(views(0)[0] * 2, level=0.15, published=True) < deviation
    assert (
        noise_deviation(torch.tensor([[[[0.0]], [[3.0]], [[1.0]]]]), level=0.5, published=False)
        == 1.5
    )
    assert noise_deviation(torch.ones(1, 3, 2, 2), level=0.15, published=True) == 0


@pytest.mark.parametrize("rule", [0, 1])
@pytest.mark.parametrize("blur", [0, 1])
@pytest.mark.parametrize("noisy", [0, 1])
def test_averaged_transforms_on_the_stored_path_are_the_stored_ones(rule, blur, noisy):
    encoder = golden_encoder()
    path = tensor("saliency", f"mix_noise{noisy}_images")
    found = within(encoder, lambda similarity: step_slopes(similarity, path, rule=RULES[rule]))
    if not rule:
        quick = within(encoder, lambda similarity: path_slopes(similarity.embed, path))
        assert_near(quick.first, found.first)
        assert_near(quick.second, found.second)
    for view, image, gradient in ((1, path[:1], found.first), (2, path[-1:], found.second)):
        maps = largest_product(image, gradient)
        maps = blurred(maps[:, None])[:, 0] if blur else maps
        expected = tensor("saliency", f"mix_noise{noisy}_guided{rule}_blur{blur}_{view}")
        assert_near(maps, expected)


def test_the_published_path_is_the_stored_one():
    first = views(0)[0]
    second = tensor("saliency", "mix_transform_image")
    shares = torch.from_numpy(arrays("saliency")["mix_lambdas"])
    step = float(shares[0] - shares[1])
    method = AveragedTransforms(step=step, smoothing="none", protocol="published")
    assert_close(method.shares, shares.float())
    found = method.maps(golden_encoder(), first, second)
    assert_near(found.first, tensor("saliency", "mix_noise0_guided0_blur0_1"))
    assert_near(found.second, tensor("saliency", "mix_noise0_guided0_blur0_2"))


def test_guided_averaged_transforms_are_those_of_the_guided_path():
    encoder = golden_encoder()
    method = AveragedTransforms(step=1 / 3, rule="guided", smoothing="none")
    first, second = views(0)
    path = mixed_path(first, second, shares=method.shares)
    found = within(encoder, lambda similarity: step_slopes(similarity, path, rule="guided"))
    expected = summed_product(second, found.second)
    assert_near(method.maps(encoder, first, second).second, expected)


def test_the_way_goes_to_its_end_unless_published():
    assert_close(AveragedTransforms().shares, torch.arange(10, -1, -1) / 10)
    assert_close(AveragedTransforms(protocol="published").shares, torch.arange(10, 0, -1) / 10)


def test_noise_is_the_same_for_views_of_one_size_and_follows_the_seed():
    first, second = views(0)
    one, other = shared_draws(first, second, samples=2, seed=1)
    assert one is other
    again, smaller = shared_draws(first, second[:, :, :20], samples=2, seed=1)
    assert_close(one, again)
    assert smaller.shape == (2, 3, 20, 48)
    assert not torch.equal(one, shared_draws(first, second, samples=2, seed=2)[0])


def test_smooth_grad_without_noise_is_the_plain_gradient():
    plain = InputGradient().maps(golden_encoder(), *views())
    found = SmoothGrad(samples=2, level=0.0).maps(golden_encoder(), *views())
    assert_near(found.first, plain.first, 1e-5)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_batch_gives_what_its_pairs_give_and_the_model_stays(method):
    encoder = golden_encoder()
    before = fingerprint(encoder.module)
    together = method.maps(encoder, *views())
    assert fingerprint(encoder.module) == before
    assert_close(together.similarity, tensor("pairs", "cos"), atol=1e-5, rtol=1e-5)
    for pair in range(3):
        alone = method.maps(encoder, *views(pair))
        assert_near(alone.first[0], together.first[pair], 1e-5)
        assert_near(alone.second[0], together.second[pair], 1e-5)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_views_with_one_embedding_get_zeros_and_a_note(method):
    first = views()[0]
    second = torch.cat((first[:1], first[:1], first[2:]))
    found = method.maps(golden_encoder(), first, second)
    assert (found.first[0] == 0).all()
    assert found.first[1].max() > 0
    assert (found.second[2] == 0).all()
    assert [note[:7] for note in found.notes if "same embedding" in note] == ["Pair 0:", "Pair 2:"]


def test_views_of_two_sizes_have_gradients_but_no_mixture():
    first, second = noise(1, 3, 30, 41), noise(1, 3, 24, 20, seed=1)
    for method in METHODS[:2]:
        found = method.maps(golden_encoder(), first, second)
        assert (found.first.shape, found.second.shape) == ((1, 30, 41), (1, 24, 20))
    with pytest.raises(UsageError, match="cannot be mixed"):
        AveragedTransforms().maps(golden_encoder(), first, second)


@pytest.mark.parametrize(
    "method", [SmoothGrad(samples=0), SmoothGrad(level=-1.0), AveragedTransforms(step=0.0)]
)
def test_settings_that_mean_nothing_are_refused(method):
    with pytest.raises(UsageError, match=r"at least 1|wanted"):
        method.maps(golden_encoder(), *views())
