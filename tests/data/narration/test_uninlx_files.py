import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.narration.files import GOLDEN, image_folder, written

from seewhy.base.errors import UsageError
from seewhy.data.narration.uninlx_files import (
    a_okvqa_document,
    read_a_okvqa,
    read_uninlx_test,
    read_uninlx_train,
    task_of_path,
    uninlx_test_document,
    uninlx_train_document,
)

TASKS = ("vqaX", "aokvqa", "vqa_paraX", "actX", "esnlive", "vcr", "imagenetX")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
paths = st.text("abc/_", min_size=1, max_size=8).filter(lambda path: path[0] != "/")
more = st.dictionaries(st.sampled_from(["extra", "split_name"]), texts | st.integers())


def entries(required, optional=None):
    columns = st.fixed_dictionaries(required, optional=optional or {})
    return st.tuples(columns, more).map(lambda both: {**both[1], **both[0]})


TRAIN = entries({"question": texts, "answer": texts, "explanation": texts, "img_path": paths})
TEST = entries(
    {
        "question": texts,
        "answer": texts | st.lists(texts, max_size=3),
        "img_path": paths | st.lists(paths, min_size=1, max_size=3),
        "dataset": st.sampled_from(TASKS),
    },
    {"explanation": texts | st.lists(texts, max_size=3)},
)
A_OKVQA = entries(
    {
        "question_id": texts,
        "image_id": st.integers(0, 600_000),
        "question": texts,
        "choices": st.lists(texts, min_size=4, max_size=4),
    },
    {
        "direct_answers": st.lists(texts, max_size=10),
        "correct_choice_idx": st.integers(0, 3) | st.none(),
        "rationales": st.lists(texts, max_size=3),
        "split": st.sampled_from(["train", "val", "test"]),
    },
)


def reread(read, write, document):
    with TemporaryDirectory() as folder:
        source = read(written(Path(folder), document), images=image_folder())
    assert source.failures == ()
    again = write(source.records)
    json.dumps(again)
    return again


@settings(max_examples=30)
@given(st.lists(TRAIN, max_size=3))
def test_the_training_list_is_written_as_it_was_read(document):
    assert reread(read_uninlx_train, uninlx_train_document, document) == document


@settings(max_examples=30)
@given(st.dictionaries(texts, TEST, max_size=3))
def test_the_test_object_is_written_as_it_was_read(document):
    assert reread(read_uninlx_test, uninlx_test_document, document) == document


@settings(max_examples=30)
@given(st.lists(A_OKVQA, max_size=3))
def test_a_okvqa_is_written_as_it_was_read(document):
    assert reread(read_a_okvqa, a_okvqa_document, document) == document


def test_the_stored_samples_are_read(tmp_path):
    path = written(tmp_path, GOLDEN["uninlx"]["train_samples"])
    (record,) = read_uninlx_train(path, images=image_folder()).records
    assert (record.id, record.task, record.question, dict(record.answers)) == (
        "0", "actX", "what is the main object", {"goldfish": 1},
    )  # fmt: skip
    path = written(tmp_path, GOLDEN["uninlx"]["eval_samples"])
    (record,) = read_uninlx_test(path, images=image_folder()).records
    assert (record.id, record.task, record.explanations) == (
        "4", "actX", ("it has a bright orange body",),
    )  # fmt: skip


def test_of_several_images_the_first_is_read(tmp_path):
    entry = {
        "question": "what is it",
        "answer": "goldfish",
        "img_path": ["ImageNet/n1/a.jpg", "ImageNet/n1/b.jpg"],
        "dataset": "imagenetX",
    }
    source = read_uninlx_test(written(tmp_path, {"1": entry}), images=image_folder(tmp_path))
    (record,) = source.records
    assert record.images == ("ImageNet/n1/a.jpg", "ImageNet/n1/b.jpg")
    assert record.read.path == tmp_path / "ImageNet/n1/a.jpg"


def test_images_of_a_okvqa_are_those_of_coco(tmp_path):
    entry = {
        "split": "val", "image_id": 299207, "question_id": "22", "question": "What?",
        "choices": ["a", "b", "c", "d"], "correct_choice_idx": 2,
        "direct_answers": ["c", "c", "d"], "rationales": ["x", "y", "z"],
    }  # fmt: skip
    (record,) = read_a_okvqa(written(tmp_path, [entry]), images=image_folder()).records
    assert record.images == ("val2017/000000299207.jpg",)
    assert (record.choices[record.correct], dict(record.answers)) == ("c", {"c": 2, "d": 1})
    assert record.explanations == ("x", "y", "z")


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("images/mpi/a.jpg", "actX"),
        ("flickr30k/1.jpg", "esnlive"),
        ("ImageNet/n01/x.JPEG", "imagenetX"),
        ("VG_100K/2.jpg", "vqa_paraX"),
        ("vcr/film/3.jpg", "vcr"),
        ("coco/train2014/mpi.jpg", "uninlx"),
    ],
)
def test_the_folder_of_an_image_tells_its_task(path, task):
    assert task_of_path(path) == task


GOOD = {"question": "q", "answer": "a", "explanation": "e", "img_path": "a.jpg"}
GOOD_CHOICE = {"question_id": "1", "image_id": 1, "question": "q", "choices": ["a"]}


@pytest.mark.parametrize(
    ("read", "good", "bad", "code", "message"),
    [
        (read_uninlx_train, GOOD, {**GOOD, "answer": ["a"]}, "bad_entry", "answer"),
        (read_uninlx_train, GOOD, {**GOOD, "img_path": "/etc/x"}, "outside", "below the folder"),
        (read_uninlx_train, GOOD, "text", "bad_entry", "not 'text'"),
        (read_a_okvqa, GOOD_CHOICE, {**GOOD_CHOICE, "image_id": "1"}, "bad_entry", "image_id"),
        (
            read_a_okvqa, GOOD_CHOICE, {**GOOD_CHOICE, "correct_choice_idx": 4}, "bad_entry",
            "choice 4 of 1 is right",
        ),
    ],
)  # fmt: skip
def test_one_bad_entry_costs_no_other(tmp_path, read, good, bad, code, message):
    source = read(written(tmp_path, [good, bad, good]), images=image_folder())
    assert len(source.records) == 2
    (failure,) = source.failures
    assert (failure.id, failure.code) == ("1", code)
    assert message in failure.message


def test_a_test_entry_needs_an_image_and_a_known_task(tmp_path):
    good = {**GOOD, "dataset": "vcr"}
    document = {"1": good, "2": {**good, "img_path": []}, "3": {**good, "dataset": "vqa"}}
    source = read_uninlx_test(written(tmp_path, document), images=image_folder())
    assert [record.id for record in source.records] == ["1"]
    assert [failure.id for failure in source.failures] == ["2", "3"]
    assert "names no image" in source.failures[0].message
    assert "'vqaX', 'aokvqa'" in source.failures[1].message


def test_a_record_is_written_only_where_it_fits(tmp_path):
    (record,) = read_uninlx_train(written(tmp_path, [GOOD]), images=image_folder()).records
    for write, change, message in (
        (uninlx_train_document, {"question": None}, "has no question"),
        (uninlx_train_document, {"votes": ()}, "has no answer"),
        (uninlx_train_document, {"images": ()}, "names no image"),
        (uninlx_test_document, {"question": None}, "has no question"),
        (a_okvqa_document, {}, "no number of COCO"),
    ):
        with pytest.raises(UsageError, match=message):
            write([replace(record, **change)])
    with pytest.raises(UsageError, match="two records have the id '0'"):
        uninlx_test_document([record, record])
    (entry,) = a_okvqa_document([replace(record, images=("COCO_val2014_000000000042.jpg",))])
    assert entry["image_id"] == 42


def test_another_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no Uni-NLX training file, it holds a JSON object"):
        read_uninlx_train(written(tmp_path, {}), images=image_folder())
    with pytest.raises(UsageError, match="no Uni-NLX test file, it holds a JSON array"):
        read_uninlx_test(written(tmp_path, []), images=image_folder())
