import pickle

import numpy as np
import pytest
from PIL import Image
from tests.data.segmentation.trees import write_labels
from tests.evaluation.tasks.trees import label_map, picture, quarters, tiny_viewer

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import DEFAULT_POLICY
from seewhy.data.segmentation.drawn import drawn_scenes
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.records import ClassMasks, LabelledRecord, Tags
from seewhy.evaluation.tasks.job import TaskJob, image_records, truth_digest
from seewhy.evaluation.tasks.pairs import MapsTask
from seewhy.evaluation.tasks.segmentation import SegmentationTask
from seewhy.evaluation.tasks.viewer import input_side
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions

NAMES = ("grey", "red", "green")


def record(name, labels, truth=None):
    return LabelledRecord(
        name, lambda: picture(labels), truth or (lambda: label_map(labels, 0)), NAMES
    )


def job_of(records, task=None):
    task = task or MapsTask(tiny_viewer(), NAMES)
    return TaskJob(task, {each.id: each.read_truth for each in records})


def broken():
    raise DataError("bad_mask", "torn")


def test_what_fails_is_a_failure_and_the_rest_goes_on():
    records = [
        record("good", quarters()),
        record("torn", quarters(), broken),
        record("small", quarters(), lambda: label_map(quarters(side=16))),
        record("again", quarters((1, 1, 2, 2))),
    ]
    part = run_job(job_of(records), image_records(records), PassOptions(shard_images=2))
    assert part.facts["ids"] == ["good", "again"]
    assert [row[:2] for row in part.facts["failures"]] == [
        ["torn", "bad_mask"],
        ["small", "size_mismatch"],
    ]


def test_shards_and_workers_do_not_change_a_number():
    source = drawn_scenes(5, "colour", seed=0)
    task = MapsTask(tiny_viewer(("raw",)), NAMES)
    names = {"red", "green"}
    truths = {
        each.id: _only(each, [source.class_names.index(f"a photo of a {n} object") for n in names])
        for each in source.records
    }
    job = TaskJob(task, truths)
    whole = run_job(job, image_records(source.records), PassOptions())
    for options in (PassOptions(shard_images=1), PassOptions(shard_images=3, workers=1)):
        part = run_job(job, image_records(source.records), options)
        for name, values in whole.arrays.items():
            np.testing.assert_array_equal(values, part.arrays[name])


def _only(each, labels):
    """The masks of some labels, under the numbers of red and green."""
    found = each.read_truth()
    chosen = {1 + number: found.mask(label) for number, label in enumerate(sorted(labels))}
    kept = {label: mask for label, mask in chosen.items() if mask.any()}
    return lambda: ClassMasks(found.size, kept)


def test_the_key_knows_task_methods_classes_and_batches():
    records = [record("one", quarters())]
    keys = {
        job_of(records).key(),
        job_of(records, MapsTask(tiny_viewer(("reverse",)), NAMES)).key(),
        job_of(records, MapsTask(tiny_viewer(), (*NAMES, "blue"))).key(),
        job_of(records, SegmentationTask(tiny_viewer(), NAMES)).key(),
        TaskJob(MapsTask(tiny_viewer(), NAMES), {}, 2).key(),
    }
    assert len(keys) == 5
    assert job_of(records).key() in keys


def test_the_digest_of_an_image_knows_its_truth(tmp_path):
    path = tmp_path / "truth.png"
    digests = set()
    for values in ([0, 1], [1, 0], [0, 1]):
        write_labels(path, values)
        truth = LabelFile(path, {"index": {0: 0, 1: 1}}, DEFAULT_POLICY)
        (own,) = image_records([record("one", quarters(), truth)])
        digests.add(own.read.digest())
        assert isinstance(own.read(), Image.Image)
    assert len(digests) == 2


def test_truths_of_every_kind_have_a_digest():
    masks = {0: quarters() == 1}
    other = {0: quarters() == 2}
    truths = (
        label_map(quarters()),
        label_map(quarters(), 0),
        ClassMasks((32, 32), masks),
        ClassMasks((32, 32), other),
        Tags((1,)),
        Tags(()),
    )
    assert len({truth_digest(lambda truth=truth: truth) for truth in truths}) == len(truths)
    assert truth_digest(broken) == "bad_mask"


def test_drawn_records_survive_a_process_border():
    (own,) = image_records(drawn_scenes(1, "kind", seed=0).records)
    assert pickle.loads(pickle.dumps(own)).read.digest() == own.read.digest()


def test_the_side_of_the_input_is_whole_patches():
    encoder = tiny_dual_encoder("vit")
    assert input_side(encoder, None, usual=None) == 32
    assert input_side(encoder, None, usual=509) == 504
    assert input_side(encoder, 64, usual=512) == 64
    with pytest.raises(UsageError, match="no whole number"):
        input_side(encoder, 60, usual=None)
