import numpy as np
import pytest
import torch
from tests.evaluation.tasks.trees import (
    SIDE,
    STEP,
    all_knowing,
    label_map,
    picture,
    quarters,
    tiny_viewer,
)

from seewhy.base.errors import DataError
from seewhy.data.segmentation.records import ClassMasks
from seewhy.evaluation.tasks.pairs import MEASURES, MapsTask, PointsTask
from seewhy.evaluation.tasks.pointed import pointed_mask
from seewhy.evaluation.tasks.readings import read_figures
from seewhy.evaluation.tasks.rows import measured_part, rows_of
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.passes.runner import Batch, PassResult

NAMES = ("grey", "red", "green")


def rows_from(task, examples):
    batches = []
    for number, (labels, truth) in enumerate(examples):
        sample = task.prepare(picture(labels), truth)
        batches.append(Batch((f"image {number}",), task.measure([sample])))
    return rows_of(measured_part(PassResult(tuple(batches))))


def figures(task, rows, variant=0):
    name = "points" if isinstance(task, PointsTask) else "maps"
    own = rows.of_method(variant)
    reading = read_figures(name, own, classes=len(NAMES), variant=task.variants[variant])
    values = reading.statistic(np.ones(len(rows.ids), dtype=int)) * reading.scale
    return dict(zip(reading.statistic.names, values, strict=True)), reading


def examples(background=None):
    """Two images of quarters: labels 0 1 / 2 1, and 1 1 / 0 2."""
    both = quarters(), quarters((1, 1, 0, 2))
    return [(labels, label_map(labels, background)) for labels in both]


def test_maps_that_are_the_truth_reach_a_hundred_in_everything(monkeypatch):
    task = MapsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), NAMES)
    found, reading = figures(task, rows_from(task, examples()))
    assert set(found) == {"mIoU", "IoU by pair", *MEASURES, *(f"{m} by pair" for m in MEASURES)}
    assert found == pytest.approx(dict.fromkeys(found, 100.0))
    assert reading.bearers.tolist() == [2, 2, 2]


def test_maps_that_are_the_opposite_are_as_wrong_as_can_be(monkeypatch):
    task = MapsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES, sign=-1), NAMES)
    found, reading = figures(task, rows_from(task, examples()))
    assert found["mSC"] == pytest.approx(-100)
    for name in ("pointing game", "energy", "AUROC"):
        assert found[name] == pytest.approx(0)
    # Nothing is better than to take all pixels: a class has the share of its pixels.
    assert reading.threshold == 0
    assert found["mIoU"] == pytest.approx(100 * (1 / 4 + 1 / 2 + 1 / 4) / 3)
    assert found["pixel AP"] == pytest.approx(found["mIoU"])


def test_only_labels_that_are_there_are_asked_and_the_background_never(monkeypatch):
    asked = []
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES)
    ask = Viewer.ask

    def noted(self, method, texts):
        asked.append(texts)
        return ask(self, method, texts)

    monkeypatch.setattr(Viewer, "ask", noted)
    empty = quarters((0,) * 4)
    task = MapsTask(viewer, NAMES)
    rows = rows_from(task, [*examples(background=0), (empty, label_map(empty, 0))])
    assert asked == [["red", "green"], ["red", "green"]]
    assert len(rows.ids) == 3
    assert rows.owner.tolist() == [0, 0, 1, 1]


def test_pixels_that_are_ignored_count_nowhere(monkeypatch):
    labels = quarters()
    truth = labels.copy()
    truth[: SIDE // 2] = 255
    truth[0, 0] = 1
    task = MapsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), NAMES)
    rows = rows_from(task, [(labels, label_map(truth))])
    assert rows.columns["label"].tolist() == [1, 2]
    # Of class 1, the last quarter is there and one pixel of the first, where the map is 0.
    quarter = SIDE * SIDE // 4
    assert rows.columns["intersections"][0, 50] == quarter
    assert rows.columns["unions"][0, 50] == quarter + 1


def test_a_mask_that_is_everything_has_no_contrast(monkeypatch):
    labels = quarters((1,) * 4)
    task = MapsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), NAMES)
    rows = rows_from(task, [(labels, label_map(labels))])
    assert np.isnan(rows.columns["mSC"]).all()
    assert np.isnan(rows.columns["AUROC"]).all()
    assert rows.columns["pointing game"].tolist() == [1]


def test_masks_that_overlap_each_get_their_own_map(monkeypatch):
    labels = quarters()
    both = {1: labels == 1, 2: (labels == 2) | (labels == 1)}
    task = MapsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), NAMES)
    rows = rows_from(task, [(labels, ClassMasks((SIDE, SIDE), both))])
    best = (rows.columns["intersections"][:, 1:] / rows.columns["unions"][:, 1:]).max(axis=1)
    assert best == pytest.approx([1, 1 / 3])


def test_numbers_that_are_not_finite_are_a_failure(monkeypatch):
    def broken(*_):
        return TextMaps(torch.full((1, 2, 4, 4), torch.nan), torch.zeros(1, 2))

    monkeypatch.setattr(ClipSurgery, "maps", broken)
    task = MapsTask(tiny_viewer(), NAMES)
    sample = task.prepare(picture(quarters()), label_map(quarters(), 0))
    with pytest.raises(DataError, match="NaN") as caught:
        task.measure([sample])
    assert caught.value.code == "non_finite"


def test_a_map_that_is_not_defined_counts_as_a_constant_one(monkeypatch):
    def partly(self, encoder, pixels, asked):
        maps = torch.rand(1, 2, 4, 4)
        maps[0, 1] = torch.nan
        return TextMaps(maps, torch.zeros(1, 2), torch.tensor([[True, False]]))

    monkeypatch.setattr(ClipSurgery, "maps", partly)
    rows = rows_from(MapsTask(tiny_viewer(), NAMES), examples(background=0)[:1])
    assert rows.columns["AUROC"][0] != 0.5
    assert rows.columns["AUROC"][1] == 0.5
    assert rows.columns["mSC"][1] == 0


class Recorder:
    """A segmenter that knows the truth by the picture, and offers it between two wrong masks."""

    name = "recorder"

    def __init__(self):
        self.asked = []
        self.images = 0

    def set_image(self, image, /):
        self.images += 1
        self.labels = np.round(image[:, :, 0] / STEP).astype(int)

    def predict(self, point_coords, point_labels, *, multimask_output):
        assert multimask_output
        self.asked.append((point_coords, point_labels))
        (x, y), *_ = point_coords[point_labels == 1].astype(int)
        right = self.labels == self.labels[y, x]
        masks = np.stack([~right, right, np.ones_like(right)])
        return masks, np.array([0.1, 0.9, 0.5], dtype=np.float32), masks.astype(np.float32)


def test_points_lead_a_segmenter_to_the_mask_of_the_highest_score(monkeypatch):
    segmenter = Recorder()
    task = PointsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), NAMES, segmenter)
    rows = rows_from(task, examples())
    assert task.variants == ("raw, map", "raw, points")
    assert segmenter.images == 2
    found, reading = figures(task, rows, variant=1)
    assert found == pytest.approx({"mIoU": 100, "IoU by pair": 100})
    assert reading.threshold is None
    for coords, labels in segmenter.asked:
        assert 0 < labels.sum() == len(labels) / 2
        assert (coords >= 0).all()
        assert (coords < SIDE).all()


def test_points_from_the_opposite_of_a_map_miss_the_thing(monkeypatch):
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES, sign=-1)
    task = PointsTask(viewer, NAMES, Recorder())
    assert figures(task, rows_from(task, examples()), variant=1)[0]["mIoU"] == 0


def test_without_a_segmenter_only_maps_are_cut(monkeypatch):
    task = PointsTask(all_knowing(tiny_viewer(), monkeypatch, NAMES), NAMES)
    rows = rows_from(task, examples())
    assert task.variants == ("raw, map",)
    found, reading = figures(task, rows)
    assert found["mIoU"] == pytest.approx(100)
    assert reading.threshold is not None


def test_a_constant_map_has_no_points_and_an_empty_mask():
    segmenter = Recorder()
    mask, points = pointed_mask(segmenter, torch.zeros(4, 4), (6, 5))
    assert (mask.shape, mask.any(), points, segmenter.asked) == ((5, 6), False, 0, [])
