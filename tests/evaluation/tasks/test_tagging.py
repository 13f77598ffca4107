import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers
from tests.evaluation.tasks.trees import picture, quarters, tiny_viewer

from seewhy.data.segmentation.records import Tags
from seewhy.evaluation.tagging import tagging_precision
from seewhy.evaluation.tasks.readings import images_without_labels, labelled_only, read_figures
from seewhy.evaluation.tasks.rows import measured_part, rows_of
from seewhy.evaluation.tasks.settings import SCORINGS
from seewhy.evaluation.tasks.tagging import TaggingTask, label_scores
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.passes.runner import Batch, PassResult

NAMES = ("red", "green", "blue", "grey")


@given(seed=integers(0, 2**16))
def test_feature_surgery_is_the_published_formula_written_out(seed):
    generator = np.random.default_rng(seed)
    cosines = generator.uniform(-1, 1, size=(3, 5))
    expected = np.zeros_like(cosines)
    for image, row in enumerate(cosines):
        weights = np.exp(2 * row) / np.exp(2 * row).sum()
        weights /= weights.mean()
        expected[image] = weights * row - (weights * row).mean()
    found = label_scores(torch.from_numpy(cosines), "feature-surgery")
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_raw_scores():
    cosines = torch.tensor([[0.1, 0.2]], dtype=torch.float64)
    assert label_scores(cosines, "cosine") is cosines
    found = label_scores(cosines, "softmax")[0].tolist()
    assert found == pytest.approx([1 / (1 + np.exp(10)), 1 / (1 + np.exp(-10))])


def rows_with(monkeypatch, cosines, tags):
    """Rows of a viewer that gives these cosines, image after image."""
    left = iter(cosines)

    def maps(self, method, pixels, asked):
        own = torch.tensor(np.array([next(left) for _ in pixels]), dtype=torch.float32)
        return TextMaps(torch.zeros(len(pixels), len(asked.names), 4, 4), own)

    monkeypatch.setattr(Viewer, "maps", maps)
    task = TaggingTask(tiny_viewer(), NAMES, SCORINGS)
    samples = [task.prepare(picture(quarters()), Tags(tuple(each))) for each in tags]
    ids = tuple(f"image {number}" for number in range(len(tags)))
    return rows_of(measured_part(PassResult((Batch(ids, task.measure(samples)),))))


def mean_precision(rows, variant):
    reading = read_figures("tagging", rows.of_method(variant), classes=4, variant="")
    return reading.statistic(np.ones(len(rows.ids), dtype=int))[0] * reading.scale


def test_scores_that_are_the_truth_reach_a_hundred(monkeypatch):
    tags = [(0,), (1, 2), (3,), ()]
    cosines = [[float(label in each) for label in range(4)] for each in tags]
    rows = rows_with(monkeypatch, cosines, tags)
    assert mean_precision(rows, SCORINGS.index("cosine")) == pytest.approx(100)


def test_the_opposite_of_the_truth_ranks_each_bearer_last(monkeypatch):
    tags = [(0,), (1,), (2,), (3,)]
    cosines = [[-float(label in each) for label in range(4)] for each in tags]
    rows = rows_with(monkeypatch, cosines, tags)
    for variant in range(3):
        assert mean_precision(rows, variant) == pytest.approx(100 / 4)


def test_figures_are_those_of_the_metric_and_surgery_changes_ranks_across_images(monkeypatch):
    generator = np.random.default_rng(3)
    cosines = generator.uniform(0.1, 0.4, size=(20, 4))
    tags = [tuple(np.flatnonzero(row).tolist()) for row in generator.random((20, 4)) < 0.3]
    rows = rows_with(monkeypatch, cosines, tags)
    truth = np.array([[label in each for label in range(4)] for each in tags])
    found = []
    for variant, by in enumerate(SCORINGS):
        scores = label_scores(torch.tensor(cosines, dtype=torch.float32), by).numpy()
        found.append(100 * tagging_precision(scores.astype(float), truth).score.value)
        assert mean_precision(rows, variant) == pytest.approx(found[-1])
    assert len({round(each, 6) for each in found}) == 3


def test_images_without_labels_are_counted_and_can_be_left_out(monkeypatch):
    rows = rows_with(monkeypatch, np.eye(4), [(), (0,), (), (2, 3)])
    assert images_without_labels("tagging", rows) == 2
    kept = labelled_only(rows)
    assert kept.ids == ("image 1", "image 3")
    assert images_without_labels("tagging", kept) == 0
    assert len(kept.owner) == 2 * len(SCORINGS)
