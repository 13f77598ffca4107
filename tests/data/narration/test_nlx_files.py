import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.hostile import encoded, photograph
from tests.data.narration.files import GOLDEN, image_folder, written

from seewhy.base.errors import DataError, UsageError
from seewhy.data.narration.entries import ImageFolder
from seewhy.data.narration.nlx_files import nlx_document, read_nlx
from seewhy.data.narration.records import Regions, Vote

SAMPLES = {
    task: GOLDEN[layout]["train_samples"]
    for task, layout in (("vqaX", "vqax"), ("actX", "act"), ("esnlive", "esnlive"), ("vcr", "vcr"))
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text("abc_0.", min_size=1, max_size=8).filter(lambda name: ".." not in name)
more = st.dictionaries(st.sampled_from(["image_id", "annot_id", "split"]), texts | st.integers())
coordinates = st.floats(-1e6, 1e6)
answers = st.fixed_dictionaries(
    {"answer": texts},
    optional={"answer_confidence": st.sampled_from(["yes", "maybe"]), "answer_id": st.integers()},
)


def entries(required):
    return st.tuples(st.fixed_dictionaries(required), more).map(lambda both: {**both[1], **both[0]})


def with_regions(count):
    boxes = st.lists(coordinates, min_size=5, max_size=5)
    return entries(
        {
            "question": texts,
            "answers": texts,
            "explanation": texts,
            "img_name": names.map(lambda name: f"film/{name}"),
            "objects": st.lists(texts, min_size=count, max_size=count),
            "boxes_data": st.lists(boxes, min_size=count, max_size=count),
            "image_w": st.integers(1, 4000),
            "image_h": st.integers(1, 4000),
        }
    )


ENTRIES = {
    "vqaX": entries(
        {
            "question": texts,
            "answers": st.lists(answers, min_size=1, max_size=10),
            "image_name": names,
            "explanation": st.lists(texts, max_size=3),
        }
    ),
    "actX": entries({"answers": texts, "image_name": names, "explanation": st.lists(texts)}),
    "esnlive": entries(
        {
            "hypothesis": texts,
            "answers": st.sampled_from(["entailment", "neutral", "contradiction"]),
            "image_name": names,
            "explanation": texts,
        }
    ),
    "vcr": st.integers(0, 3).flatmap(with_regions),
}


@pytest.mark.parametrize("task", ENTRIES)
def test_what_is_read_is_written_again(task):
    @settings(max_examples=30)
    @given(st.dictionaries(st.integers(0, 10**9).map(str), ENTRIES[task], max_size=3))
    def check(document):
        with TemporaryDirectory() as folder:
            path = written(Path(folder), document)
            source = read_nlx(path, task, images=image_folder())
        assert source.failures == ()
        again = nlx_document(source.records, task)
        assert again == document
        assert list(again) == list(document)
        json.dumps(again)

    check()


def test_a_question_has_all_its_answers_with_their_counts(tmp_path):
    source = read_nlx(written(tmp_path, SAMPLES["vqaX"]), "vqaX", images=image_folder())
    first, second = source.records
    assert (first.id, first.task, first.question) == (
        "262284001", "vqaX", "What's the man holding, a racket?",
    )  # fmt: skip
    assert first.answers == {"Tennis racket": 6, "a racket": 4}
    assert second.answers == {"two": 5, "2": 2, "three": 3}
    assert first.votes[6].more == {"answer_confidence": "yes", "answer_id": 7}
    assert first.explanations == ("he is swinging it at a ball", "it has strings and a handle")
    assert first.images == ("train2014/toy_train.jpg",)
    assert second.images == ("val2014/toy_val.jpg",)


def test_the_other_tasks_are_read(tmp_path):
    (act,) = read_nlx(written(tmp_path, SAMPLES["actX"]), "actX", images=image_folder()).records
    assert (act.question, act.votes, act.images[0]) == (
        None, (Vote("bicycling, mountain"),), "mpi/toy_train.jpg",
    )  # fmt: skip
    (row,) = read_nlx(
        written(tmp_path, SAMPLES["esnlive"]), "esnlive", images=image_folder()
    ).records
    assert (row.question, row.images[0]) == ("A man is sleeping.", "flickr30k/toy_train.jpg")
    (seen,) = read_nlx(written(tmp_path, SAMPLES["vcr"]), "vcr", images=image_folder()).records
    assert seen.regions == Regions(
        ("person", "diningtable", "person", "wineglass"),
        (
            (10.0, 20.0, 110.0, 220.0, 0.99),
            (0.0, 150.0, 399.0, 299.0, 0.9),
            (200.0, 30.0, 300.0, 260.0, 0.98),
            (150.0, 140.0, 170.0, 180.0, 0.7),
        ),
        400,
        300,
    )
    assert seen.more == {"annot_id": "train-12"}


def test_the_image_is_read_when_it_is_asked_for(tmp_path):
    (tmp_path / "mpi").mkdir()
    (tmp_path / "mpi" / "toy_train.jpg").write_bytes(encoded(photograph(), "JPEG"))
    path = written(tmp_path, SAMPLES["actX"])
    (record,) = read_nlx(path, "actX", images=ImageFolder(tmp_path)).records
    assert record.read().mode == "RGB"
    (record,) = read_nlx(path, "actX", images=ImageFolder(tmp_path / "elsewhere")).records
    with pytest.raises(DataError) as caught:
        record.read()
    assert caught.value.code == "missing"


def broken(task, **columns):
    document = deepcopy(SAMPLES[task])
    first = next(iter(document))
    return {"bad": {**document[first], **columns}, **document}


WRONG = [
    ("vqaX", {"answers": "two"}, "bad_entry", "answers: Input should be a valid list, not 'two'"),
    ("vqaX", {"answers": [{"answer": 2}]}, "bad_entry", "answers.0.answer"),
    ("vqaX", {"answers": []}, "bad_entry", "answers"),
    ("vqaX", {"explanation": "because"}, "bad_entry", "explanation"),
    ("vqaX", {"image_name": "../secret.png"}, "outside", "'val2014/../secret.png'"),
    ("actX", {"answers": ["a", "b"]}, "bad_entry", "answers"),
    ("esnlive", {"answers": "maybe"}, "bad_entry", "'entailment', 'neutral' or 'contradiction'"),
    ("vcr", {"objects": ["person"]}, "bad_entry", "1 objects have 4 boxes"),
    ("vcr", {"boxes_data": [[1, 2, 3]] * 4}, "bad_entry", "boxes_data.0"),
    ("vcr", {"image_w": 0}, "bad_entry", "image_w"),
]


@pytest.mark.parametrize(("task", "columns", "code", "message"), WRONG)
def test_one_bad_entry_costs_no_other(tmp_path, task, columns, code, message):
    path = written(tmp_path, broken(task, **columns))
    source = read_nlx(path, task, images=image_folder())
    assert [record.id for record in source.records] == list(SAMPLES[task])
    (failure,) = source.failures
    assert (failure.id, failure.code) == ("bad", code)
    assert message in failure.message
    if code == "bad_entry":
        assert "entry 'bad'" in failure.message
        assert "Wanted of" in failure.message


def test_a_file_of_bad_entries_is_refused(tmp_path):
    path = written(tmp_path, SAMPLES["actX"])
    with pytest.raises(UsageError, match=r"none of the 1 entries.*question: Field required"):
        read_nlx(path, "vqaX", images=image_folder())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds a JSON array"),
        ("3", "holds the value '3'"),
        ("{", "cannot be read"),
        ('{"1": {}, "1": {}}', "the key '1' comes twice"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    path = tmp_path / "file.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"no VQA-X file.*{message}.*Wanted is"):
        read_nlx(path, "vqaX", images=image_folder())


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        read_nlx(tmp_path / "no.json", "vqaX", images=image_folder())


def test_a_record_is_written_only_where_it_fits(tmp_path):
    (record,) = read_nlx(written(tmp_path, SAMPLES["actX"]), "actX", images=image_folder()).records
    with pytest.raises(UsageError, match=r"record '5' cannot be written as VQA-X: question"):
        nlx_document([record], "vqaX")
    with pytest.raises(UsageError, match="two records have the id '5'"):
        nlx_document([record, record], "actX")
    asked = replace(record, question="What is it?", images=("drawn/5.png",))
    document = nlx_document([asked], "vqaX")
    assert document["5"]["image_name"] == "drawn/5.png"
    with pytest.raises(UsageError, match="image_w"):
        nlx_document([replace(asked, explanations=("one",))], "vcr")
    assert nlx_document([], "vcr") == {}
