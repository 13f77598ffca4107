import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from tests.data.segmentation.trees import code_of

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import LabelFile

VALUES = np.array([[0, 3, 1], [3, 0, 200]], dtype=np.uint8)
MEANINGS = {0: 255, 1: 0, 3: 1, 200: 2}
MEANT = [[255, 1, 0], [1, 255, 2]]


def decoded(path, image, codes, **options):
    image.save(path / "labels.png")
    return LabelFile(path / "labels.png", codes, DEFAULT_POLICY, **options)


@pytest.mark.parametrize("kind", ["L", "P", "I;16"])
def test_one_number_per_pixel_whatever_the_mode(tmp_path, kind):
    image = Image.fromarray(VALUES)
    if kind == "P":
        image.putpalette([255] * 768)
    if kind == "I;16":
        image = Image.fromarray(VALUES.astype(np.uint16))
    truth = decoded(tmp_path, image, {"index": MEANINGS}, background=2)()
    assert_array_equal(truth.labels, MEANT)
    assert truth.background == 2


def test_two_channels_hold_numbers_above_255(tmp_path):
    pixels = np.zeros((1, 3, 3), dtype=np.uint8)
    pixels[0, :, 0], pixels[0, :, 1] = [7, 1000 % 256, 7], [0, 1000 // 256, 1]
    codes = {"red-green": {7: 0, 1000: 255, 263: 9}}
    assert_array_equal(decoded(tmp_path, Image.fromarray(pixels), codes)().labels, [[0, 255, 9]])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_numbers_too(tmp_path, mode):
    pixels = np.array([[[255, 0, 0], [0, 255, 1]]], dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    codes = {"index": {0: 0}, "colour": {0xFF0000: 4, 0x00FF01: 5}}
    assert_array_equal(decoded(tmp_path, image, codes)().labels, [[4, 5]])


def test_grey_is_cut_above_128(tmp_path):
    image = Image.fromarray(np.array([[0, 128, 129, 255]], dtype=np.uint8))
    for stored in (image, image.convert("RGB")):
        truth = decoded(tmp_path, stored, {"grey": {0: 0, 1: 1}})()
        assert_array_equal(truth.labels, [[0, 0, 1, 1]])


def test_other_numbers_and_other_modes_are_named(tmp_path):
    for unknown in (2, 201):
        values = np.full((2, 2), unknown, dtype=np.uint8)
        reader = decoded(tmp_path, Image.fromarray(values), {"index": MEANINGS})
        assert code_of(reader) == "bad_label"
    coloured = Image.new("RGB", (2, 2))
    assert code_of(decoded(tmp_path, coloured, {"index": MEANINGS})) == "bad_mask"


def test_files_that_cannot_be_read_have_the_codes_of_images(tmp_path):
    path = tmp_path / "labels.png"
    reader = LabelFile(path, {"index": MEANINGS}, DEFAULT_POLICY)
    assert code_of(reader) == "missing"
    path.write_bytes(b"no image")
    assert code_of(reader) == "unidentified"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    assert code_of(reader) == "truncated"
    small = LabelFile(path, {"index": MEANINGS}, ReadPolicy(max_pixels=9))
    assert code_of(small) == "too_large"
