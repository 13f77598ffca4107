import pytest
import torch
from tests.methods.pairs.noise import noise

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.pixel_space import PixelSpace
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing


def encoder(preprocess):
    return ImageEncoder(torch.nn.Flatten(), preprocess=preprocess, name="flat")


@pytest.mark.parametrize("resize", ["shortest", "squash", "longest"])
def test_black_and_white_are_what_mean_and_deviation_make_of_them(resize):
    preprocess = Preprocessing((8, 12), resize=resize)
    space = PixelSpace.of(encoder(preprocess))
    mean, std = (torch.tensor(each)[:, None, None] for each in (preprocess.mean, preprocess.std))
    torch.testing.assert_close(space.black, -mean / std)
    torch.testing.assert_close(space.white, (1 - mean) / std)


def test_both_ways_undo_each_other_and_features_are_of_images():
    space = PixelSpace.of(encoder(Preprocessing(8)))
    images = noise(2, 3, 4, 5)
    torch.testing.assert_close(space.to_images(space.to_input(images)), images)
    assert torch.equal(space.features(torch.sin)(images), space.to_input(images).sin())
    assert torch.equal(PixelSpace.identity().to_input(images), images)


def test_any_function_may_preprocess():
    def preprocess(image):
        pixels = Preprocessing(6, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(image)
        return 2 * pixels - 1

    space = PixelSpace.of(encoder(preprocess))
    torch.testing.assert_close(space.to_input(torch.full((1, 3, 1, 1), 0.25)).mean().item(), -0.5)


@pytest.mark.parametrize("fault", [torch.zeros_like, torch.square])
def test_what_is_no_linear_change_is_refused(fault):
    plain = Preprocessing(6, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    with pytest.raises(UsageError, match="flat is no linear change"):
        PixelSpace.of(encoder(lambda image: fault(plain(image))))


def test_images_of_the_probe_are_rgb():
    modes = []

    def preprocess(image):
        modes.append((image.mode, image.size))
        return Preprocessing(6)(image)

    PixelSpace.of(encoder(preprocess))
    assert modes == [("RGB", (64, 64))] * 3
