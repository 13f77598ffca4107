import json

import pytest
from tests.training.narration.test_judging import record

from seewhy.evaluation.captions.files import read_references, read_results
from seewhy.evaluation.narration.document import evaluate_narrations
from seewhy.training.narration.judging import Judged, Judgement, Question
from seewhy.training.narration.predictions import write_predictions


def judged(name, answer, reason, **values):
    asked = record(name, **values)
    text = f"{answer} because {reason}"
    is_right = answer == "yes"
    return Judged(Question(asked, ("yes",)), text, answer, reason, is_right, None)


ITEMS = Judgement(
    (
        judged("12", "yes", "it is so"),
        judged("7", "no", "it is so and so"),
        judged("b", "yes", "it rains a lot", explanations=("it rains", "it is wet")),
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("told")
    return write_predictions(home / "files", ITEMS, name="vqaX", number=11)


def loaded(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_sentences_and_reasons_are_read_back(folder):
    full = read_results(folder / "unf_captions_full_11.json")
    assert full == {each.question.record.id: each.text for each in ITEMS.items}
    every = read_results(folder / "unf_captions_exp_11.json")
    right = read_results(folder / "captions_exp_11.json")
    assert right == {name: reason for name, reason in every.items() if name != "7"}
    assert loaded(folder, "captions_exp_11.json")[0]["image_id"] == 12


def test_references_are_those_of_the_records(folder):
    assert read_references(folder / "vqaX_test_annot_exp.json")["b"] == ["it rains", "it is wet"]
    full = read_references(folder / "vqaX_test_annot_full.json")
    assert full["b"] == ["yes because it rains", "yes because it is wet"]
    document = loaded(folder, "vqaX_test_annot_exp.json")
    assert [each["id"] for each in document["annotations"]] == [0, 1, 2, 3]


def test_scores_are_those_of_the_evaluation_of_the_files(folder):
    scores = loaded(folder, "scores_exp_11.json")
    evaluated = evaluate_narrations(
        folder / "unf_captions_full_11.json", folder / "vqaX_test_annot_full.json"
    ).document
    for name, value in scores["filtered"].items():
        assert value == pytest.approx(evaluated.filtered["reference"].scores[name].value)
    for name, value in scores["unfiltered"].items():
        assert value == pytest.approx(evaluated.unfiltered.scores[name].value)
    assert scores["accuracy"] == pytest.approx(200 / 3)


def test_two_records_may_have_the_same_id_and_nothing_may_be_right(tmp_path):
    items = Judgement((judged("1", "no", "so"), judged("1", "no", "it is"), judged("2", "no", "")))
    write_predictions(tmp_path, items, name="all", number=0)
    names = [each["image_id"] for each in loaded(tmp_path, "unf_captions_full_0.json")]
    assert names == ["vqaX:1:0", "vqaX:1:1", 2]
    assert loaded(tmp_path, "captions_exp_0.json") == []
    assert loaded(tmp_path, "scores_exp_0.json")["filtered"] == {}


def test_answers_alone_have_an_accuracy_alone(tmp_path):
    items = Judgement((judged("1", "yes", "", explanations=()),))
    write_predictions(tmp_path, items, name="easy", number=3)
    assert loaded(tmp_path, "scores_exp_3.json") == {"accuracy": 100}
