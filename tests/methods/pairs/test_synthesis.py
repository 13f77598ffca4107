import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.pairs.golden import golden_encoder

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.inversion import Inversion
from seewhy.methods.pairs.model_difference import ModelDifference
from seewhy.methods.pairs.synthesis import (
    as_picture,
    check_pixels,
    facts,
    only_image,
    seeded,
    start_like,
)


def test_pictures_are_rounded_and_cut_off():
    image = torch.tensor([-1.0, 0.5, 2.0]).reshape(3, 1, 1).expand(3, 2, 4)
    assert as_picture(image).shape == (2, 4, 3)
    assert as_picture(image)[0, 0].tolist() == [0, 128, 255]


def test_each_image_starts_at_the_same_point_in_memory_of_its_own():
    pixels = torch.zeros(3, 3, 4, 5)
    start = start_like(pixels, torch.rand(1, 3, 4, 5, generator=seeded(7)))
    assert torch.equal(start[0], start[2])
    assert torch.equal(start[:1], torch.rand(1, 3, 4, 5, generator=seeded(7)))
    start[0] = 5
    assert start[1].max() < 1


def test_only_images_are_taken():
    assert only_image(golden_encoder(), Image.new("RGB", (60, 50))).shape == (1, 3, 48, 48)
    with pytest.raises(UsageError, match="an image is str; wanted a PIL image"):
        only_image(golden_encoder(), "image.png")
    with pytest.raises(UsageError, match="an image is ndarray"):
        only_image(golden_encoder(), np.zeros((4, 4, 3)))


def test_bad_pixels_are_counted_from_zero():
    pixels = torch.zeros(3, 3, 2, 2)
    check_pixels(pixels)
    pixels[2, 1, 0, 0] = -torch.inf
    with pytest.raises(DataError, match="image 2 has NaN or infinite") as caught:
        check_pixels(pixels)
    assert caught.value.code == "non_finite"


def test_facts_hold_every_setting():
    found = facts(ModelDifference("net.3", inversion=Inversion(steps=9)), golden_encoder(), ("A.",))
    assert (found["method"], found["model"], found["site"]) == (
        "model-difference",
        "golden",
        "net.3",
    )
    assert "'steps': 9" in found["inversion"]
    assert found["notes"] == "A."
    assert "torch" in found
