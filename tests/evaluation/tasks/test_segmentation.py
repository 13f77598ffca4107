import numpy as np
import pytest
import torch
from tests.evaluation.tasks.trees import (
    PATCH,
    SIDE,
    all_knowing,
    label_map,
    picture,
    stripes,
    tiny_viewer,
)

from seewhy.data.segmentation.records import ClassMasks
from seewhy.evaluation.segmentation import mean_iou
from seewhy.evaluation.tasks.readings import read_figures
from seewhy.evaluation.tasks.rows import measured_part, rows_of, sums_of
from seewhy.evaluation.tasks.segmentation import SegmentationTask, confusions
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.passes.runner import Batch, PassResult

NAMES = ("grey", "red", "green")


def result_of(task, examples):
    samples = [task.prepare(picture(labels), truth) for labels, truth in examples]
    ids = tuple(f"image {number}" for number in range(len(samples)))
    part = measured_part(PassResult((Batch(ids, task.measure(samples)),)))
    (confusion,) = confusions(sums_of(part), task.variants).values()
    rows = rows_of(part).of_method(0)
    reading = read_figures("segmentation", rows, classes=3, variant="raw")
    return confusion, reading, reading.statistic(np.ones(len(ids), dtype=int))


def two_images():
    both = stripes(), stripes((1, 1, 0, 2)).T
    return [(labels, label_map(labels)) for labels in both]


@pytest.mark.parametrize("layout", ["whole", "sliding"])
def test_the_truth_itself_reaches_a_hundred(monkeypatch, layout):
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES, step=PATCH)
    confusion, _, found = result_of(SegmentationTask(viewer, NAMES, layout), two_images())
    assert found == pytest.approx([1, 1, 1])
    assert confusion.counts.tolist() == np.diag([512, 1024, 512]).tolist()


def test_the_opposite_of_two_classes_is_wrong_everywhere(monkeypatch):
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES, sign=-1, step=PATCH)
    labels = stripes((0, 1, 1, 0))
    task = SegmentationTask(viewer, NAMES[:2])
    confusion, _, found = result_of(task, [(labels, label_map(labels))])
    assert confusion.counts.tolist() == [[0, 512], [512, 0]]
    assert found == pytest.approx([0, 0, 0])


def test_rows_and_confusion_agree_on_maps_of_chance():
    task = SegmentationTask(tiny_viewer(), NAMES)
    confusion, reading, found = result_of(task, two_images())
    assert confusion.counts.sum() == 2 * SIDE**2
    score = mean_iou(confusion)
    assert found[0] == pytest.approx(score.value)
    by_class = reading.statistic.by_class(np.ones(2, dtype=int))
    np.testing.assert_allclose(by_class["mIoU"], score.per_example)


def test_ignored_pixels_and_pixels_of_several_masks_do_not_count(monkeypatch):
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES, step=PATCH)
    labels = stripes()
    ignored = np.where(labels == 0, 255, labels)
    masks = ClassMasks((SIDE, SIDE), {1: labels > 0, 2: labels == 2})
    task = SegmentationTask(viewer, NAMES)
    confusion, _, _ = result_of(task, [(labels, label_map(ignored)), (labels, masks)])
    assert confusion.counts.tolist() == [[0, 0, 0], [0, 1024, 0], [0, 0, 256]]


def test_classes_keep_their_numbers(monkeypatch):
    """A viewer that sees "green" everywhere predicts the number of green."""

    def maps(self, method, pixels, asked):
        values = torch.tensor([float(name == "green") for name in asked.names])
        grid = values[None, :, None, None].expand(len(pixels), -1, 4, 4)
        return TextMaps(grid, values[None].expand(len(pixels), -1))

    monkeypatch.setattr(Viewer, "maps", maps)
    confusion, _, _ = result_of(SegmentationTask(tiny_viewer(), NAMES), two_images())
    assert confusion.counts[:, 2].tolist() == [512, 1024, 512]
    assert confusion.counts[:, :2].sum() == 0


def test_images_of_any_size_are_measured_at_the_size_of_their_truth(monkeypatch):
    viewer = all_knowing(tiny_viewer(), monkeypatch, NAMES, step=PATCH)
    labels = np.kron(stripes(), np.ones((2, 4), dtype=int))
    task = SegmentationTask(viewer, NAMES)
    confusion, _, found = result_of(task, [(labels, label_map(labels))])
    assert confusion.counts.sum() == labels.size
    assert found[0] == pytest.approx(1)


def test_images_do_not_see_each_other():
    task = SegmentationTask(tiny_viewer(("raw", "maskclip")), NAMES, "sliding")
    labels = np.kron(stripes(), np.ones((1, 2), dtype=int))
    examples = [(labels, label_map(labels)), *two_images()]
    samples = [task.prepare(picture(each), truth) for each, truth in examples]
    together = task.measure(samples)
    for sample, own in zip(samples, together, strict=True):
        (alone,) = task.measure([sample])
        np.testing.assert_array_equal(alone.columns["predicted"], own.columns["predicted"])
