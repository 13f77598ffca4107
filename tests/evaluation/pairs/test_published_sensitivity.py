"""The catalogue's methods under the stored noise."""

import pytest
from tests.evaluation.pairs.golden import bare_maps, embed, encoder
from tests.methods.pairs.golden import tensor, views
from torch.testing import assert_close

from seewhy.evaluation.pairs.sensitivity import max_sensitivity
from seewhy.methods.pairs.cams import InteractionCam, LayerCam
from seewhy.methods.pairs.gradients import largest_product, mixed_path, path_slopes
from seewhy.methods.pairs.saliency import InputGradient

METHODS = {
    "grad_guided0": InputGradient(smoothing="none", protocol="published"),
    "grad_guided1": InputGradient(smoothing="none", protocol="published", rule="guided"),
    "gradcam": LayerCam(protocol="published"),
    "int_mean": InteractionCam(reduction="mean", protocol="published"),
    "int_max": InteractionCam(reduction="max", protocol="published"),
    "int_attn": InteractionCam(reduction="attention", protocol="published"),
}


def draws():
    return tensor("metrics", "sens_noise")[:, None]


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_the_catalogue(name):
    method, (first, second) = METHODS[name], views(0)
    original = method.maps(encoder(), first, second)
    noisy = [method.maps(encoder(), first + noise, second + noise) for noise in draws()]
    expected = tensor("metrics", f"sens_{name}")[None]
    assert_close(max_sensitivity(original, noisy), expected, rtol=1e-3, atol=0)


def test_averaged_transforms_with_noise_on_every_mixture():
    first, _ = views(0)
    grey = tensor("saliency", "mix_transform_image").reshape(1, -1, 48, 48).expand(1, 3, 48, 48)
    path = mixed_path(first, grey, shares=tensor("saliency", "mix_lambdas"))

    def maps(path):
        mean = path_slopes(embed, path)
        return bare_maps(
            largest_product(path[:1], mean.first).detach(),
            largest_product(path[-1:], mean.second).detach(),
        )

    found = max_sensitivity(maps(path), [maps(path + noise) for noise in draws()])
    assert_close(found, tensor("metrics", "sens_mix")[None], rtol=1e-3, atol=0)
