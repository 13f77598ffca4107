import pytest
import torch
from torch.testing import assert_close
from torchvision.transforms.functional import gaussian_blur

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.blur import blurred, effaced
from seewhy.methods.pairs.windows import edges, filling, grid, pasted
from seewhy.taps.regions import Box


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(20, 30), (11, 40)])
def test_the_blur_is_torchvision_s(size):
    images = noise(2, 3, *size)
    assert_close(blurred(images), gaussian_blur(images, [11, 11], [5.0, 5.0]))


def test_a_blur_keeps_a_flat_image_and_takes_any_size():
    for size in ((1, 1), (3, 9), (40, 2)):
        assert_close(blurred(torch.full((1, 3, *size), 2.5)), torch.full((1, 3, *size), 2.5))


@pytest.mark.parametrize("side", [32, 128, 224])
def test_effacing_leaves_as_little_of_an_object_at_any_size(side):
    image = torch.zeros(1, 3, side, 2 * side)
    quarter = side // 4
    image[:, :, quarter : 2 * quarter, quarter : 2 * quarter] = 1.0
    assert effaced(image).max().item() == pytest.approx(0.466, abs=0.02)


def test_the_published_blur_leaves_an_object_of_a_large_view_as_it_was():
    image = torch.zeros(1, 3, 128, 128)
    image[:, :, 32:64, 32:64] = 1.0
    assert blurred(image).max() > 0.99


def test_effacing_keeps_a_flat_image_and_takes_any_size():
    for size in ((1, 1), (3, 9), (40, 2)):
        assert_close(effaced(torch.full((1, 3, *size), 2.5)), torch.full((1, 3, *size), 2.5))


def test_edges_by_hand():
    assert edges(48, window=20, stride=9, rest="left") == (0, 9, 18, 27)
    assert edges(48, window=20, stride=9, rest="covered") == (0, 9, 18, 27, 28)
    assert edges(48, window=20, stride=7, rest="covered") == (0, 7, 14, 21, 28)
    assert edges(5, window=5, stride=3, rest="covered") == (0,)


def test_a_covered_grid_sees_every_pixel():
    found = grid((23, 31), window=7, stride=5, rest="covered")
    seen = torch.zeros(23, 31)
    for box in found.boxes:
        seen[box.slices] += 1
    assert seen.min() >= 1
    assert found.centres.cols[-1] == 31 - 3.5


def test_maps_of_a_grid_are_row_by_row():
    found = grid((4, 6), window=2, stride=2, rest="left")
    rows = found.maps(torch.tensor([[float(box.top * 10 + box.left) for box in found.boxes]]))
    assert rows.tolist() == [[[0, 2, 4], [20, 22, 24]]]


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (5, 1), (2, 0)])
def test_windows_that_do_not_fit_are_refused(window, stride):
    with pytest.raises(UsageError, match="wanted a window between 1 and 4"):
        grid((4, 6), window=window, stride=stride, rest="left")


def test_fills_by_hand():
    images = noise(2, 3, 8, 8)
    assert (filling(images, "zero", window=4) == 0).all()
    assert_close(filling(images, "mean", window=4)[1, 2, 3, 3], images[1, 2].mean())
    assert filling(images, (1.0, 2.0, 3.0), window=4)[0, :, 5, 5].tolist() == [1, 2, 3]
    assert filling(images, "blurred", window=4).std() < images.std() / 2


def test_each_image_shows_the_content_in_its_box_only():
    base, content = noise(3, 6, 7), noise(3, 6, 7, seed=1)
    boxes = [Box(0, 0, 2, 3), Box(4, 5, 6, 7)]
    found = pasted(base, content, boxes)
    for image, box in zip(found, boxes, strict=True):
        inside = torch.zeros(6, 7, dtype=torch.bool)
        inside[box.slices] = True
        assert_close(image, torch.where(inside, content, base))
