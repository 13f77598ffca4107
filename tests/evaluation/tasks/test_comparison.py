import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.tasks.camouflage import MEASURES
from seewhy.evaluation.tasks.comparison import compare_evaluations
from seewhy.evaluation.tasks.document import (
    DatasetFacts,
    Evaluation,
    EvaluationDocument,
    ImageCounts,
    MethodSummary,
)
from seewhy.evaluation.tasks.rows import Rows


def saved(folder, ids, values, *, names=("raw, map",), task="camouflage", classes=("a", "b")):
    """An evaluation in which every figure of image number i is `values[i]`."""
    document = EvaluationDocument(
        task=task,
        dataset=DatasetFacts(
            name="camo", title="CAMO", class_names=list(classes), fingerprint="", notes=[]
        ),
        encoder="one",
        unit="share",
        images=ImageCounts(
            offered=len(ids), used=len(ids), failed=0, dropped=0, without_labels=None
        ),
        failures={},
        methods=[
            MethodSummary(name=name, figures={}, threshold=None, classes=[]) for name in names
        ],
        settings={},
        hashes={},
        versions={},
        notes=[],
    )
    count = len(names)
    column = np.repeat(np.array(values, dtype=float), count)
    columns = {"method": np.tile(np.arange(count), len(ids)), **dict.fromkeys(MEASURES, column)}
    rows = Rows(tuple(ids), np.repeat(np.arange(len(ids)), count), columns)
    Evaluation(document, rows, (), {}).save(folder)
    return folder


def test_an_evaluation_does_not_differ_from_itself(tmp_path):
    one = saved(tmp_path / "one", "abc", [0.1, 0.5, 0.3])
    found = compare_evaluations(one, one, resamples=100)
    assert found.images == 3
    for each in found.differences:
        assert (each.difference, each.low, each.high, each.first_ahead) == (0, 0, 0, 0)


def test_only_common_images_count_and_in_pairs(tmp_path):
    generator = np.random.default_rng(0)
    values = generator.random(40)
    ids = [f"image {number}" for number in range(40)]
    one = saved(tmp_path / "one", [*ids, "alone"], [*values, 1.0])
    other = saved(tmp_path / "other", ids[::-1], (values + 0.1)[::-1])
    found = compare_evaluations(one, other, resamples=200)
    assert found.images == 40
    (first, *_) = found.differences
    # Every image gains the same, so that resampling pairs leaves no doubt.
    assert (first.difference, first.low, first.high) == pytest.approx((0.1, 0.1, 0.1))
    assert first.first == pytest.approx(values.mean())
    back = compare_evaluations(other, one, resamples=200).differences[0]
    assert back.difference == pytest.approx(-first.difference)
    assert (first.first_ahead, back.first_ahead) == (0, 1)


def test_methods_go_by_their_names_or_are_the_only_ones(tmp_path):
    both = saved(tmp_path / "both", "ab", [0, 1], names=("raw, map", "reverse, map"))
    one = saved(tmp_path / "one", "ab", [0, 1])
    other = saved(tmp_path / "other", "ab", [1, 1], names=("reverse, map",))
    assert {each.method for each in compare_evaluations(both, one).differences} == {"raw, map"}
    found = compare_evaluations(one, other).differences
    assert {each.method for each in found} == {"raw, map | reverse, map"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"task": "maps"}, "differ in their task: camouflage and maps"),
        ({"classes": ("a", "c")}, "differ in their classes"),
        ({"ids": "xy"}, "no image or no method in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, change, told):
    one = saved(tmp_path / "one", "ab", [0, 1])
    options = {"ids": "ab", "values": [0, 1]} | change
    other = saved(tmp_path / "other", options.pop("ids"), options.pop("values"), **options)
    with pytest.raises(UsageError, match=told):
        compare_evaluations(one, other)


def test_a_folder_without_summary_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is no summary of an evaluation"):
        compare_evaluations(tmp_path, tmp_path)
