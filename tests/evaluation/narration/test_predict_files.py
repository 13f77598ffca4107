import pytest
from tests.evaluation.captions.golden import stored
from tests.evaluation.narration.predicting import judged, written

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.predict_files import (
    PredictItem,
    classes_of,
    predict_document,
    read_classes,
    read_predict_file,
)

SAMPLES = stored("explain_predict.json")["inputs_whitespace_tokens"]
TASKS = {"vqax": "vqa-x", "esnlive": "e-snli-ve", "actx": "act-x"}


@pytest.mark.parametrize("name", TASKS)
def test_published_entries_are_read_as_their_task_and_written_back(tmp_path, name):
    accepted = {"answer": "neutral"} if name == "esnlive" else {"all_answers_raw": ["a", "b"]}
    given = {key: each | accepted for key, each in SAMPLES[name]["samples"].items()}
    file = read_predict_file(written(tmp_path, "given", given), judged=True)
    assert file.task == TASKS[name]
    for key, item in file.items.items():
        assert item.reason == given[key]["explanation"]
        assert item.true_reason == given[key]["gt_explanation"]
        assert item.question == given[key].get("question", given[key].get("hypothesis"))
        assert item.answers == (("neutral",) if name == "esnlive" else ("a", "b"))
    again = written(tmp_path, "again", predict_document(file))
    assert read_predict_file(again, judged=True) == file


def test_of_several_true_reasons_the_first_counts(tmp_path):
    given = judged()
    given["t0"]["gt_explanation"] = ["the first", "another"]
    file = read_predict_file(written(tmp_path, "given", given), judged=True)
    assert file.items["t0"].true_reason == "the first"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": None}, "2 tasks"),
        ({"all_answers_raw": []}, "no accepted answer"),
        ({"gt_explanation": None}, "no true reason"),
        ({"explanation": 3}, "'explanation' of 't1' is wrong"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, change, message):
    given = judged()
    given["t1"] |= change
    with pytest.raises(UsageError, match=message):
        read_predict_file(written(tmp_path, "given", given), judged=True)


def test_classes_are_the_most_frequent_answers_first():
    items = [PredictItem("a", "b", each) for each in (("x", "y"), ("y", "z", "z", "z"), ("y",))]
    assert classes_of(items, "vqa-x") == {"y": 0, "z": 1, "x": 2}
    assert list(classes_of([PredictItem("a", "b", ("neutral",))], "e-snli-ve")) == [
        "contradiction",
        "neutral",
        "entailment",
    ]


@pytest.mark.parametrize("found", [{"a": 0, "b": 2}, {"a": 0, "b": 0}, {}])
def test_numbers_of_classes_have_no_gaps(tmp_path, found):
    assert read_classes(written(tmp_path, "fine", {"a": 1, "b": 0})) == {"a": 1, "b": 0}
    with pytest.raises(UsageError, match="otherwise than 0, 1, 2"):
        read_classes(written(tmp_path, "classes", found))
