from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.points import Points
from seewhy.methods.text_maps.segmenting import cut_out
from seewhy.models.protocols import PointSegmenter

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
POINTS = Points(torch.tensor([[1, 2], [7, 5]]), torch.tensor([1, 0], dtype=torch.uint8))


class Boxes:
    """Cuts out boxes of growing size around the first point; the middle one is the best."""

    def __init__(self, scores=(0.2, 0.9, 0.5)):
        self.scores = np.array(scores, dtype=np.float32)
        self.asked = SimpleNamespace()

    def set_image(self, image):
        self.asked.image = image

    def predict(self, point_coords, point_labels, *, multimask_output):
        self.asked.coords, self.asked.labels = point_coords, point_labels
        self.asked.multimask = multimask_output
        rows, cols = np.mgrid[0:6, 0:8]
        x, y = point_coords[0]
        away = np.maximum(np.abs(cols - x), np.abs(rows - y))
        masks = np.stack([away <= size for size in range(3)])
        return masks, self.scores, np.zeros((3, 4, 4), dtype=np.float32)


def test_the_stand_in_satisfies_the_protocol():
    assert isinstance(Boxes(), PointSegmenter)


def test_all_points_go_at_once_and_the_best_mask_comes_back():
    network = Boxes()
    found = cut_out(network, IMAGE, POINTS)
    assert network.asked.image is IMAGE
    assert network.asked.coords.tolist() == [[1.0, 2.0], [7.0, 5.0]]
    assert network.asked.labels.tolist() == [1, 0]
    assert network.asked.multimask is True
    expected = np.zeros((6, 8), dtype=bool)
    expected[1:4, 0:3] = True
    assert (found.mask == expected).all()
    assert found.score == pytest.approx(0.9)


def test_a_quality_that_is_not_defined_never_wins():
    found = cut_out(Boxes((np.nan, 0.1, np.nan)), IMAGE, POINTS)
    assert found.score == pytest.approx(0.1)


def test_without_points_nothing_is_asked():
    network = Boxes()
    nowhere = Points(torch.zeros(0, 2, dtype=torch.long), torch.zeros(0, dtype=torch.uint8))
    found = cut_out(network, IMAGE, nowhere)
    assert not found.mask.any()
    assert found.mask.shape == (6, 8)
    assert found.score is None
    assert not vars(network.asked)


@pytest.mark.parametrize(
    ("image", "scores"),
    [(IMAGE[:5], (0.1, 0.2, 0.3)), (IMAGE, (0.1, 0.2)), (IMAGE, (np.nan,) * 3), (IMAGE, ())],
)
def test_an_answer_that_does_not_fit_is_refused(image, scores):
    with pytest.raises(UsageError, match="the segmentation network gave masks"):
        cut_out(Boxes(scores), image, POINTS)
