import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.editing.features import ImageFeatures, grid_boxes, padded, with_places

BOX = [0.25, 0.5, 0.75, 1.0]


def features(count=2, channels=3, **more):
    numbers = torch.arange(count * channels, dtype=torch.float32).view(count, channels)
    return ImageFeatures(numbers, **more)


def test_regions_stand_side_by_side_with_zeros_behind():
    one, other = features(1), features(3)
    found = padded([one, other, one])
    assert found.counts.tolist() == [1, 3, 1]
    assert_close(found.regions[1], other.regions)
    assert_close(found.regions[0], torch.cat([one.regions, torch.zeros(2, 3)]))
    assert_close(found.regions[2], found.regions[0])


def test_an_image_alone_has_the_same_regions_as_in_a_batch():
    batch = padded([features(3), features(2)])
    alone = padded([features(2)])
    assert_close(batch.regions[1:, :2], alone.regions)


@pytest.mark.parametrize("images", [[], [features(2, 3), features(2, 4)]])
def test_images_that_do_not_fit_are_refused(images):
    with pytest.raises(UsageError, match="as many channels"):
        padded(images)


def test_places_are_edges_and_sides():
    found = with_places(features(1, boxes=torch.tensor([BOX])))
    assert_close(found.regions, torch.tensor([[0, 1, 2, 0.25, 0.5, 0.75, 1.0, 0.5, 0.5]]))
    with pytest.raises(UsageError, match="boxes are not known"):
        with_places(features())


def test_a_grid_is_read_row_by_row():
    assert_close(
        grid_boxes(2, 4)[[0, 3, 5]],
        torch.tensor([[0, 0, 0.25, 0.5], [0.75, 0, 1, 0.5], [0.25, 0.5, 0.5, 1.0]]),
    )
    assert_close(grid_boxes(1, 1, has_whole=True), torch.tensor([[0.0, 0, 1, 1]] * 2))


@pytest.mark.parametrize("side", [1, 3, 7, 14, 49])
def test_cells_cover_the_image_once_and_never_leave_it(side):
    boxes = grid_boxes(side, side)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert_close(areas.sum(), torch.tensor(1.0), atol=1e-4, rtol=0)
    ImageFeatures(torch.zeros(side * side, 1), boxes, (side, side))


@pytest.mark.parametrize(
    ("regions", "more"),
    [
        (torch.zeros(0, 3), {}),
        (torch.zeros(2, 0), {}),
        (torch.tensor([[0.0, torch.nan]]), {}),
        (torch.tensor([[0.0, torch.inf]]), {}),
        (torch.zeros(4, 2), {"grid": (2, 3)}),
        (torch.zeros(6, 2), {"grid": (2, 2)}),
        (torch.zeros(2, 2), {"boxes": torch.tensor([BOX])}),
        (torch.zeros(1, 2), {"boxes": torch.tensor([[0.0, 0.0, 20.0, 30.0]])}),
        (torch.zeros(1, 2), {"boxes": torch.tensor([[0.5, 0.0, 0.2, 1.0]])}),
        (torch.zeros(1, 2), {"boxes": torch.tensor([[torch.nan, 0.0, 0.2, 1.0]])}),
    ],
)
def test_features_that_mean_nothing_are_refused(regions, more):
    with pytest.raises(UsageError, match=r"Wanted|right grid"):
        ImageFeatures(regions, **more)


@pytest.mark.parametrize("count", [4, 5])
def test_a_grid_may_have_a_region_of_the_whole_image(count):
    assert features(count, grid=(2, 2)).grid == (2, 2)
