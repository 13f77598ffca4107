import numpy as np
import pytest
import torch
from tests.methods.mutual_knowledge.golden import arrays

from seewhy.methods.mutual_knowledge.colours import (
    PALETTE,
    blended,
    painted,
    painted_smoothly,
    published_order,
)
from seewhy.methods.mutual_knowledge.parts import (
    kmeans_clusters,
    label_grid,
    part_pixels,
    pca_labels,
)


def grids(by):
    stored = arrays("parts")
    mask = torch.from_numpy(stored["fg"])
    rows = torch.from_numpy(stored["features"]).reshape(*mask.shape, -1)[mask]
    if by == "pca":
        return label_grid(pca_labels(rows, 5), mask)
    init = torch.from_numpy(stored["kmeans_init_indices"])
    return label_grid(kmeans_clusters(rows, 5, init=init).labels, mask)


def levels_apart(found, wanted):
    return np.abs(found.numpy().astype(int) - wanted.astype(int)).max()


def refined_mask():
    return torch.from_numpy(arrays("parts")["crf_mask"]) == 1


@pytest.mark.parametrize("by", ["pca", "kmeans"])
def test_coloured_parts_are_the_stored_ones(by):
    stored, mask = arrays("parts"), refined_mask()
    sharp = painted(part_pixels(grids(by), mask))
    assert levels_apart(sharp, stored[f"{by}_segments_rgb"]) == 0
    smooth = painted_smoothly(grids(by), mask)
    assert levels_apart(smooth, stored[f"{by}_segments_rgb_viz"]) <= 2


def test_blends_are_the_stored_ones():
    picture = torch.from_numpy(arrays("crf")["images_uint8"])
    smooth = painted_smoothly(grids("pca"), refined_mask())
    assert levels_apart(blended(picture, smooth)[0], arrays("parts")["overlay0"]) <= 2
    mask = torch.from_numpy(arrays("crf")["crf_mask"]).long()
    in_green = painted(torch.where(mask == 1, 1, -1))
    assert levels_apart(blended(picture, in_green), arrays("crf")["overlay"]) <= 2


def test_the_palette_is_the_stored_one_and_begins_anew():
    assert np.array_equal(PALETTE, arrays("parts")["palette"])
    labels = torch.tensor([[[-1, 0, 21, 20]]])
    assert painted(labels).tolist() == [[[[0, 0, 0], [255, 0, 0], [255, 0, 0], [255, 140, 0]]]]


def test_the_published_order_is_that_of_colours():
    assert published_order(torch.arange(-1, 5)) == [2, 1, 0, 4, 3]
    assert published_order(torch.tensor([3, 0])) == [0, 3]
    assert published_order(torch.tensor([-1])) == []
