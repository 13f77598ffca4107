import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from PIL import Image

from seewhy.evaluation.tasks.windows import one_tile, sliding_tiles
from seewhy.models.preprocessing import Preprocessing

SIDE, PATCH = 16, 4
PREPROCESS = Preprocessing(SIDE, resize="squash")


def ramp(width, height):
    """A picture whose red says how far to the right, and green how far down, a pixel is."""
    down, across = np.mgrid[0:height, 0:width]
    pixels = np.stack([across * 255 / width, down * 255 / height, down * 0], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def patch_values(pixels):
    """The mean red and green of each patch, as if these were maps."""
    return torch.nn.functional.avg_pool2d(pixels[:, :2], PATCH)


def test_one_tile_is_the_whole_image():
    image = ramp(40, 20)
    tiles = one_tile(image, PREPROCESS, patch=PATCH)
    assert torch.equal(tiles.pixels[0], PREPROCESS(image))
    values = patch_values(tiles.pixels)
    assert torch.equal(tiles.tiling.joined(values), values[0])


@settings(max_examples=30)
@given(width=integers(16, 70), height=integers(16, 70))
def test_windows_put_together_are_the_image_itself(width, height):
    image = ramp(width, height)
    tiles = sliding_tiles(image, PREPROCESS, side=SIDE, patch=PATCH)
    rows, cols = tiles.tiling.grid
    assert min(rows, cols) == SIDE // PATCH
    resized = image.resize((cols * PATCH, rows * PATCH), Image.Resampling.BICUBIC)
    whole = Preprocessing((rows * PATCH, cols * PATCH), resize="squash")(resized)
    joined = tiles.tiling.joined(patch_values(tiles.pixels))
    torch.testing.assert_close(joined, patch_values(whole[None])[0], atol=1e-5, rtol=0)


@settings(max_examples=30)
@given(width=integers(16, 400), height=integers(16, 40))
def test_neighbours_overlap_by_about_half_or_more_and_nothing_is_left_out(width, height):
    tiles = sliding_tiles(ramp(width, height), PREPROCESS, side=SIDE, patch=PATCH)
    for axis, length in enumerate(tiles.tiling.grid):
        starts = sorted({place[axis] for place in tiles.tiling.places})
        assert (starts[0], starts[-1]) == (0, length - SIDE // PATCH)
        assert all(np.diff(starts) <= SIDE // PATCH // 2 + 1)


def test_where_windows_overlap_the_mean_is_taken():
    tiles = sliding_tiles(ramp(24, 16), PREPROCESS, side=SIDE, patch=PATCH)
    assert tiles.tiling.places == ((0, 0), (0, 2))
    maps = torch.ones(2, 1, 4, 4) * torch.tensor([1.0, 3.0])[:, None, None, None]
    assert tiles.tiling.joined(maps)[0, 0].tolist() == pytest.approx([1, 1, 2, 2, 3, 3])
