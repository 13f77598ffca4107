import numpy as np
import torch

from seewhy.mending.drawing import looked_picture, region_values
from seewhy.models.editing.features import ImageFeatures, grid_boxes

WHITE = np.full((80, 120, 3), 255, dtype=np.uint8)
GRID = ImageFeatures(torch.zeros(5, 2), grid_boxes(2, 2, has_whole=True), (2, 2))
BOXES = ImageFeatures(
    torch.zeros(2, 2), torch.tensor([[0.0, 0.0, 0.5, 1.0], [0.25, 0.0, 1.0, 0.5]])
)


def test_cells_fill_the_image_and_the_whole_image_counts_nowhere():
    values = region_values(GRID, np.array([0.4, 0.1, 0.0, 0.2, 0.3]), (120, 80))
    assert values.shape == (80, 120)
    corners = [values[row, col] for row in (0, 79) for col in (0, 119)]
    np.testing.assert_allclose(corners, [0.4, 0.1, 0.0, 0.2], atol=1e-6)
    assert (values[:40, :60] == values[0, 0]).all()


def test_where_boxes_overlap_the_higher_weight_counts():
    values = region_values(BOXES, np.array([0.3, 0.7]), (120, 80))
    assert [values[0, 0], values[0, 40], values[0, 100], values[70, 100]] == [0.3, 0.7, 0.7, 0.0]


def test_the_picture_is_bright_where_the_network_looked():
    drawn = looked_picture(WHITE, BOXES, np.array([0.1, 0.9]))
    assert (drawn[20, 100] == 255).all()
    assert (drawn[70, 100] == drawn[75, 110]).all()
    assert drawn[70, 100].max() < 90
    assert drawn[70, 100].max() < drawn[70, 20].max() < 255


def test_only_regions_with_some_share_are_outlined():
    yellow = np.array([255, 214, 10])

    def outlined(weights):
        drawn = looked_picture(WHITE, BOXES, np.array(weights))
        return (drawn == yellow).all(axis=2)

    assert outlined([0.5, 0.5])[70, 1]
    assert not outlined([0.01, 0.99])[70].any()
    assert outlined([0.01, 0.99])[1, 100]


def test_regions_whose_place_nobody_knows_are_not_drawn():
    drawn = looked_picture(WHITE, ImageFeatures(torch.zeros(2, 2)), np.array([0.5, 0.5]))
    assert len(np.unique(drawn)) == 1


def test_all_weights_zero_are_no_error():
    assert looked_picture(WHITE, GRID, np.zeros(5)).shape == WHITE.shape
