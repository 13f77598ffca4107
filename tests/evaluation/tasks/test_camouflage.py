import numpy as np
import pytest
from tests.evaluation.tasks.test_pairs import Recorder
from tests.evaluation.tasks.trees import all_knowing, label_map, picture, quarters, tiny_viewer

from seewhy.base.errors import DataError
from seewhy.evaluation.tasks.camouflage import MEASURES, CamouflageTask, measures

NAMES = ("background", "red")


def table(task):
    labels = quarters((0, 0, 1, 0))
    (found,) = task.measure([task.prepare(picture(labels), label_map(labels, 0))])
    return np.stack([found.columns[name] for name in MEASURES], axis=1)


def test_the_truth_itself_is_perfect(monkeypatch):
    task = CamouflageTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), "red")
    assert table(task)[0] == pytest.approx([1, 1, 1, 1, 0], abs=4e-3)


def test_its_opposite_is_wrong_at_each_pixel(monkeypatch):
    task = CamouflageTask(all_knowing(tiny_viewer(), monkeypatch, NAMES, sign=-1), "red")
    found = dict(zip(MEASURES, table(task)[0], strict=True))
    assert found["MAE"] == 1
    # Errors at the border of the image are averaged with nothing beyond it, so not quite 0.
    assert found["weighted F"] < 0.05
    assert found["S-measure"] < 0.1


def test_a_segmenter_adds_a_prediction_of_its_own(monkeypatch):
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES, sign=-1)
    task = CamouflageTask(viewer, "red", Recorder())
    assert task.variants == ("raw, map", "raw, points")
    # Led beside the thing, it gives all that is beside it: as wrong as the map.
    found = table(task)
    assert found[1] == pytest.approx(found[0])


def test_a_figure_by_hand():
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2] = True
    found = dict(zip(MEASURES, measures(np.full((4, 4), 0.25), mask), strict=True))
    assert found["MAE"] == pytest.approx((0.75 + 0.25) / 2)


def test_a_mask_of_one_pixel_is_a_failure(monkeypatch):
    task = CamouflageTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), "red")
    sample = task.prepare(picture([[1]]), label_map([[1]], 0))
    with pytest.raises(DataError, match="one pixel"):
        task.measure([sample])
