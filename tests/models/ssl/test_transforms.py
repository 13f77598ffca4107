import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from seewhy.models.ssl.families import PIXELS
from seewhy.models.ssl.transforms import VIEWS, small_views, view_of


def photograph(width=320, height=280):
    rows, cols = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / (20 + k)) + np.cos(cols / (31 - k)) for k in range(3)]
    return Image.fromarray(np.stack([60 * wave + 127 for wave in waves], -1).astype(np.uint8))


@pytest.mark.parametrize("name", VIEWS)
def test_the_seed_decides_a_view_and_the_random_state_stays(name):
    image = photograph()
    state = torch.get_rng_state()
    first, again, *others = (view_of(image, name, seed=seed) for seed in (4, 4, 5, 6, 7))
    assert torch.equal(state, torch.get_rng_state())
    assert first.shape == (3, 224, 224)
    assert torch.equal(first, again)
    is_random = name.endswith(("aug", "jitter", "combine"))
    assert any(not torch.equal(first, other) for other in others) == is_random


def test_the_pure_view_is_the_encoders_own_preprocessing():
    image = photograph(256, 256)
    for preprocessing in (Preprocessing(224, resize_to=256, interpolation="bilinear"), PIXELS):
        found = view_of(image, "normal.pure", preprocessing=preprocessing)
        assert_close(found, preprocessing(image), atol=1e-5, rtol=0)


def test_without_shift_places_agree_between_a_view_and_its_variation():
    """Under changes of colour alone, brighter stays brighter in nearly all places."""
    image = photograph()
    pure = view_of(image, "no_shift.pure")
    varied = view_of(image, "no_shift.aug", seed=3).mean(dim=0)
    centre = view_of(image, "normal.pure").mean(dim=0)

    def agreement(first, second):
        stacked = torch.stack([first.flatten(), second.flatten()])
        return abs(float(torch.corrcoef(stacked)[0, 1]))

    assert agreement(pure.mean(dim=0), varied) > 0.95
    assert agreement(pure.mean(dim=0), centre) < 0.95


def test_each_mixed_view_does_what_it_is_called():
    image = photograph(256, 256)
    mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))

    def pixels(name):
        return view_of(image, name) * std + mean

    pure = pixels("normal.pure")
    grey = pixels("mix.grayscale")
    assert_close(grey[0], grey[2], atol=1e-5, rtol=0)
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert_close(grey[0], (pure * weights).sum(dim=0), atol=0.01, rtol=0)
    bright = pure >= 128 / 255
    assert_close(pixels("mix.solarize"), torch.where(bright, 1 - pure, pure), atol=1e-5, rtol=0)
    blurred = pixels("mix.blur")
    assert blurred.diff(dim=2).abs().mean() < pure.diff(dim=2).abs().mean()


def test_an_unknown_view_is_refused():
    with pytest.raises(UsageError, match=r"no view 'normal'; there are normal\.pure"):
        view_of(photograph(), "normal")


def test_small_views_keep_the_size_and_erase_to_the_mean():
    views = small_views((0.5,) * 3, (0.25,) * 3, side=64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        changed = [views(torch.ones(2, 3, 64, 64)) for _ in range(20)]
    erased = [float((each == 0).float().mean()) for each in changed]
    assert all(each.shape == (2, 3, 64, 64) for each in changed)
    assert 4 <= sum(share > 0 for share in erased) <= 16
    assert max(erased) < 0.12
