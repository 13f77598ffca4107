"""Preprocessing equals what open_clip, torchvision and timm do; grey is the brightest channel."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.preprocessing import Preprocessing


def photo(width, height, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


SIZES = [(64, 64), (100, 40), (33, 77), (8, 8), (224, 225), (2, 30)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resize", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_equal_to_open_clip(size, resize, interpolation):
    theirs = image_transform_v2(
        PreprocessCfg(size=32, resize_mode=resize, interpolation=interpolation), is_train=False
    )
    ours = Preprocessing(
        32,
        resize=resize,
        interpolation=interpolation,
        mean=PreprocessCfg.mean,
        std=PreprocessCfg.std,
    )
    assert_close(ours(photo(*size)), theirs(photo(*size)), atol=1e-6, rtol=0)


def test_a_side_never_vanishes():
    pixels = Preprocessing(8, resize="longest", mean=(0.0,) * 3, std=(1.0,) * 3)(
        Image.new("RGB", (1, 1000), "white")
    )
    assert pixels.sum(dim=(0, 1)).tolist() == [0, 0, 0, 24, 0, 0, 0, 0]


@given(integers(9, 120), integers(9, 120), integers(8, 40), integers(0, 12))
def test_equal_to_torchvision_for_any_size_and_crop(width, height, size, more):
    from torchvision.transforms._presets import ImageClassification
    from torchvision.transforms.functional import InterpolationMode

    theirs = ImageClassification(
        crop_size=size, resize_size=size + more, interpolation=InterpolationMode.BILINEAR
    )
    ours = Preprocessing(size, resize_to=size + more, interpolation="bilinear")
    image = photo(width, height)
    assert_close(ours(image), theirs(image), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES[:4])
@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("side", [(32, 32), (24, 40)])
def test_equal_to_timm(size, mode, side):
    from timm.data import create_transform

    theirs = create_transform(
        (3, *side), interpolation="bicubic", crop_pct=0.9, crop_mode=mode, is_training=False
    )
    ours = Preprocessing(
        side,
        resize="shortest" if mode == "center" else "squash",
        resize_to=tuple(int(length / 0.9) for length in side),
    )
    assert_close(ours(photo(*size)), theirs(photo(*size)), atol=1e-6, rtol=0)


def test_grey_is_the_brightest_channel_in_all_three():
    image = Image.new("RGB", (4, 4), (200, 10, 30))
    pixels = Preprocessing(4, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), colour="grey")(image)
    assert_close(pixels, torch.full((3, 4, 4), 200 / 255))


def test_a_colour_change_that_keeps_the_brightest_channel_is_invisible_in_grey():
    grey = Preprocessing(8, colour="grey")
    red, green = (Image.new("RGB", (9, 7), colour) for colour in [(255, 0, 0), (0, 255, 0)])
    assert torch.equal(grey(red), grey(green))
    assert not torch.equal(Preprocessing(8)(red), Preprocessing(8)(green))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_other_modes_become_colour_images(mode):
    image = photo(8, 8).convert(mode)
    assert torch.equal(Preprocessing(8)(image), Preprocessing(8)(image.convert("RGB")))


def test_the_image_stays_as_it_is():
    image = photo(9, 9)
    before = image.tobytes()
    Preprocessing(4, colour="grey")(image)
    assert image.tobytes() == before


def test_the_configuration_survives_json():
    ours = Preprocessing((8, 9), resize="squash", resize_to=12, mean=(0.1, 0.2, 0.3), colour="grey")
    assert Preprocessing.from_config(json.loads(json.dumps(ours.config()))) == ours
    assert Preprocessing.from_config({"size": 8}) == Preprocessing(8)


def test_wrong_choices_are_refused_where_types_are_not_checked():
    loose = object.__new__(Preprocessing)
    for name, value in Preprocessing(8).config().items():
        object.__setattr__(loose, name, value)
    object.__setattr__(loose, "resize", "crop")
    with pytest.raises(UsageError, match="resize is 'crop', not one of shortest, squash, longest"):
        loose.__post_init__()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "size: Field required"),
        ({"size": 8, "resise": "squash"}, "resise; its fields are size"),
        ({"size": 8, "resize": "crop"}, "resize: Input should be"),
        ({"size": "large"}, "size"),
        ({"size": 8, "mean": [0, 0]}, "mean"),
        ({"size": 0}, "leaves no pixels"),
        ({"size": 8, "std": [1, 0, 1]}, "std above zero"),
    ],
)
def test_wrong_configurations_are_refused_by_field(config, message):
    with pytest.raises(UsageError, match=message):
        Preprocessing.from_config(config)


@pytest.mark.parametrize("resize", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(60, 40), (41, 83), (7, 3)])
def test_a_placement_says_where_the_image_is(resize, size):
    """What the placement calls image is white in the input, what it calls margin is black."""
    preprocessing = Preprocessing(
        (24, 32), resize=resize, resize_to=20, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    )
    placement = preprocessing.placement(size)
    pixels = preprocessing(Image.new("RGB", size, "white"))[0]
    wanted = torch.zeros(placement.window)
    (top, left), (high, wide) = placement.corner, placement.resized
    wanted[max(-top, 0) : high - top, max(-left, 0) : wide - left] = 1
    assert placement.image == size[::-1]
    assert torch.equal(pixels, wanted)
