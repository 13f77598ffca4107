import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.hostile import encoded, photograph

from seewhy.base.errors import UsageError
from seewhy.data.narration.easy_vqa import easy_vqa_answers, easy_vqa_document, read_easy_vqa

words = st.text("abc ?", max_size=10)
answers = st.text("abc", min_size=1, max_size=4)
ITEMS = [["what shape is in the image?", "circle", 0], ["is it red?", "no", 1]]


def built(folder, items, known, split="train"):
    (folder / split / "images").mkdir(parents=True)
    (folder / split / "questions.json").write_text(json.dumps(items), encoding="utf-8")
    (folder / "answers.txt").write_text("\n".join(known), encoding="utf-8")
    return folder


@settings(max_examples=30)
@given(st.lists(st.tuples(words, answers, st.integers(0, 5000)).map(list), max_size=4))
def test_questions_are_written_as_they_were_read(items):
    with TemporaryDirectory() as folder:
        root = built(Path(folder), items, ["yes", *(answer for _, answer, _ in items)])
        source = read_easy_vqa(root)
    assert source.failures == ()
    assert easy_vqa_document(source.records) == items
    assert easy_vqa_answers(source.records).split() == list(
        dict.fromkeys(item[1] for item in items)
    )


def test_images_lie_beside_the_questions(tmp_path):
    root = built(tmp_path, ITEMS, ["circle", "no"], split="test")
    (root / "test" / "images" / "0.png").write_bytes(encoded(photograph(), "PNG"))
    first, second = read_easy_vqa(root, split="test").records
    assert first.read().size == (32, 32)
    assert (second.question, dict(second.answers), second.images) == (
        "is it red?", {"no": 1}, ("1.png",),
    )  # fmt: skip


def test_one_bad_question_costs_no_other(tmp_path):
    bad = [["q", "circle"], ["q", "circle", "0"], ["q", "teapot", 1], "text"]
    source = read_easy_vqa(built(tmp_path, [*ITEMS, *bad], ["circle", "no"]))
    assert len(source.records) == 2
    assert [failure.id for failure in source.failures] == ["2", "3", "4", "5"]
    assert {failure.code for failure in source.failures} == {"bad_entry"}
    assert "'teapot' is not in answers.txt" in source.failures[2].message


def test_without_answers_there_is_no_data_set(tmp_path):
    with pytest.raises(UsageError, match=r"answers.txt"):
        read_easy_vqa(tmp_path)


def test_a_record_is_written_only_where_it_fits(tmp_path):
    record = read_easy_vqa(built(tmp_path, ITEMS, ["circle", "no"])).records[0]
    for change in ({"question": None}, {"votes": ()}, {"images": ("cat.png",)}, {"images": ()}):
        with pytest.raises(UsageError, match="cannot be written as easy-VQA"):
            easy_vqa_document([replace(record, **change)])
