import numpy as np
import pytest
import torch
from tests.methods.mutual_knowledge.golden import arrays

from seewhy.methods.mutual_knowledge.regions import boxes, upsampled


def test_masks_and_boxes_are_the_stored_ones():
    stored = arrays("foreground")
    side = int(stored["img_size"])
    found = upsampled(torch.from_numpy(stored["svd_neg_fg"]), (side, side))
    assert np.array_equal(found.numpy(), stored["svd_neg_upscaled"] == 1)
    assert np.array_equal(boxes(found).numpy(), stored["svd_neg_boxes"])


@pytest.mark.parametrize("size", [(6, 9), (7, 10), (1, 1), (2, 2)])
def test_a_pixel_reads_the_patch_at_its_share_of_the_side(size):
    grid = torch.arange(6).reshape(1, 3, 2)
    height, width = size
    wanted = [[2 * (y * 3 // height) + x * 2 // width for x in range(width)] for y in range(height)]
    assert upsampled(grid, size).tolist() == [wanted]


def test_boxes_hold_their_ends_and_an_empty_mask_has_none():
    masks = torch.zeros(3, 5, 7, dtype=torch.bool)
    masks[0, 1:4, 2] = masks[0, 3, 6] = True
    masks[1, 4, 0] = True
    assert boxes(masks).tolist() == [[2, 1, 6, 3], [0, 4, 0, 4], [-1, -1, -1, -1]]
