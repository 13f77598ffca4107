import json
import logging

import pytest
from tests.training.narration.small import (
    actx_file,
    caption_files,
    easy_vqa_folder,
    picture,
    vqax_file,
    written,
)

from seewhy.base.errors import UsageError
from seewhy.data.narration.prompts import Prompts
from seewhy.training.narration.sources import (
    DATA_FORMATS,
    DataFile,
    captions_beside,
    data_format,
    held_out,
    read_data,
)

ESNLIVE = {
    "hypothesis": "A man eats.",
    "answers": "neutral",
    "image_name": "1.jpg",
    "explanation": "one cannot tell",
}
VCR = {
    "question": "what is person0",
    "answers": "a cook",
    "explanation": "he cooks",
    "annot_id": "train-1",
    "img_name": "1.jpg",
    "boxes_data": [[0.0, 0.0, 5.0, 5.0, 1.0]],
    "image_w": 20,
    "image_h": 20,
    "objects": ["person"],
}
UNINLX = {"question": "what is it", "answer": "a dog", "explanation": "it barks"}
A_OKVQA = {
    "question_id": "q",
    "image_id": 3,
    "question": "What is it?",
    "choices": ["dog", "cat"],
    "correct_choice_idx": 1,
    "direct_answers": ["cat"] * 10,
    "rationales": ["it purrs"],
}


def files(folder):
    """A file in each form."""
    return {
        "vqax": vqax_file(folder),
        "actx": actx_file(folder),
        "esnlive": written(folder / "esnlive.json", {"1": ESNLIVE}),
        "vcr": written(folder / "vcr.json", {"1": VCR}),
        "uninlx": written(folder / "uni.json", [{**UNINLX, "img_path": "mpi/0.jpg"}]),
        "aokvqa": written(folder / "aok.json", [A_OKVQA]),
        "easy-vqa": easy_vqa_folder(folder / "easy"),
        "captions": caption_files(folder),
    }


@pytest.mark.parametrize(
    ("form", "task", "question", "answers"),
    [
        ("vqax", "vqaX", "is it red", ["yes"]),
        ("actx", "actX", "what is the person doing", ["skiing"]),
        ("esnlive", "esnlive", "a man eats", ["neutral"]),
        ("vcr", "vcr", "what is person0", ["a cook"]),
        ("uninlx", "actX", "what is it", ["a dog"]),
        ("aokvqa", "aokvqa", "what is it", ["cat"]),
        ("easy-vqa", "easy_vqa", "what color is it", ["red"]),
        ("captions", "captions", None, []),
    ],
)
def test_every_form_is_read_and_asked(tmp_path, form, task, question, answers):
    path = files(tmp_path)[form]
    file = DataFile(data_format(form), path, tmp_path)
    found = read_data([file], prompts=Prompts()).records[0]
    assert (found.task, found.question) == (task, question)
    assert [vote.text for vote in found.votes] == answers
    assert file.task in (task, None)
    assert len(file.digest()) == 16


def test_without_prompts_records_stay_as_they_are_stored(tmp_path):
    found = read_data([DataFile("vqax", vqax_file(tmp_path), tmp_path)]).records[0]
    assert found.question == "Is it red?"
    assert found.read().size == (24, 20)


def test_the_form_of_tests_of_uninlx_is_told_by_what_it_holds(tmp_path):
    entry = {**UNINLX, "img_path": ["a.jpg", "b.jpg"], "dataset": "imagenetX"}
    path = written(tmp_path / "test.json", {"s": entry})
    found = read_data([DataFile("uninlx", path, tmp_path)], use="test").records[0]
    assert (found.id, found.task, found.images) == ("s", "imagenetX", ("a.jpg", "b.jpg"))


def test_splits_of_easy_vqa_lie_beside_each_other(tmp_path):
    folder = easy_vqa_folder(tmp_path)
    (folder / "test" / "questions.json").write_text(json.dumps([["what?", "blue", 0]]))
    tested = read_data([DataFile("easy-vqa", folder)], use="test").records
    assert [each.votes[0].text for each in tested] == ["blue"]


def test_several_files_are_one_and_tasks_are_chosen(tmp_path):
    made = files(tmp_path)
    both = [DataFile(data_format(form), made[form], tmp_path) for form in ("vqax", "actx")]
    assert [each.task for each in read_data(both).records] == ["vqaX"] * 4 + ["actX"] * 3
    assert {each.task for each in read_data(both, tasks=["actX"]).records} == {"actX"}
    with pytest.raises(UsageError, match=r"7 records, none of the tasks \['vcr'\]"):
        read_data(both, tasks=["vcr"])


def test_entries_that_cannot_be_used_are_counted_and_told(tmp_path, caplog):
    path = written(tmp_path / "esnlive.json", {"1": ESNLIVE, "2": {}, "3": {}})
    with caplog.at_level(logging.WARNING):
        found = read_data([DataFile("esnlive", path, tmp_path)])
    assert (len(found.records), found.failures) == (1, 2)
    assert "2 of 3 entries of" in caplog.text


def test_no_image_is_trained_on_and_validated_on(tmp_path):
    picture(tmp_path / "x.jpg")
    entries = [
        {**UNINLX, "question": f"what is {number}", "img_path": f"{number // 2}.jpg"}
        for number in range(400)
    ]
    path = written(tmp_path / "uni.json", entries)
    records = read_data([DataFile("uninlx", path, tmp_path)]).records
    trained, kept = held_out(records)
    assert not {each.images for each in trained} & {each.images for each in kept}
    assert len(trained) + len(kept) == 400
    assert 4 <= len(kept) <= 40
    with pytest.raises(UsageError, match="too few"):
        held_out(records[:2])


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(UsageError, match="Name their folder"):
        read_data([DataFile("vqax", vqax_file(tmp_path))])
    (tmp_path / "corpus_captions_train.json").unlink(missing_ok=True)
    with pytest.raises(UsageError, match="no list of captions lies beside"):
        captions_beside(tmp_path / "corpus_images_train.json")
    with pytest.raises(UsageError, match=f"there are {', '.join(DATA_FORMATS)}"):
        data_format("coco")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        read_data([DataFile("uninlx", broken, tmp_path)])
