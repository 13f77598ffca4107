import csv
import json

import pytest
from tests.evaluation.narration.predicting import answers, judged, training, written
from tests.models.text_folders import write_text_folder

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.predict_document import (
    PredictDocument,
    PredictFiles,
    PredictSettings,
    evaluate_explain_predict,
)
from seewhy.evaluation.narration.predict_training import Epoch, chosen_epoch

QUICK = PredictSettings(epochs=5, resamples=100)


def files(folder, **more):
    return PredictFiles(
        written(folder, "train", training()),
        written(folder, "test", judged()),
        **{name: written(folder, name, document) for name, document in more.items()},
    )


def values(document):
    return {name: each.value for name, each in document.figures.items()}


def test_reasons_are_judged_by_what_they_tell(tmp_path):
    settings = PredictSettings(resamples=100)
    found = evaluate_explain_predict(files(tmp_path, answers=answers()), settings=settings)
    document = found.document
    # Two of four reasons tell an accepted answer, and which the fourth tells is not known.
    assert [row["truth"] for row in found.rows][:3] == [1, 1, 0]
    assert [row["own answer"] for row in found.rows][:3] == [1, 0, 1]
    assert values(document)["ceiling"] == 100
    assert values(document)["no reason"] in {0, 25, 50}
    assert (document.items.training, document.items.validation) == (54, 6)
    assert (document.items.judged, document.items.answerable, document.items.classes) == (4, 4, 3)
    assert document.epochs[-1].loss < document.epochs[0].loss
    chosen = document.epochs[document.chosen - 1].validation
    assert chosen == max(each.validation for each in document.epochs) == 1
    figure = document.figures["truth"]
    assert figure.low < figure.value < figure.high
    assert "stand-in" in " ".join(document.notes)
    assert "--answers" not in " ".join(document.notes)
    assert (
        PredictDocument.model_validate_json(found.save(tmp_path / "out").read_bytes()) == document
    )
    with (tmp_path / "out" / "items.csv").open(encoding="utf-8") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ["t0", "t1", "t2", "t3"]


def test_the_last_of_the_best_epochs_is_kept():
    assert chosen_epoch([Epoch(1.0, share) for share in (0.5, 0.9, 0.9, 0.8)]) == 3


def test_the_same_seed_gives_the_same(tmp_path):
    first, second = (evaluate_explain_predict(files(tmp_path), settings=QUICK) for _ in range(2))
    assert first.document == second.document


def test_a_text_encoder_learns_it_too(tmp_path):
    folder = write_text_folder(tmp_path / "tiny")
    settings = PredictSettings(encoder=str(folder), epochs=8, rate=5e-3, batch=8)
    found = evaluate_explain_predict(files(tmp_path), settings=settings).document
    assert found.classifier == "tiny"
    assert values(found)["ceiling"] == 100
    assert "own answer" not in found.figures
    assert found.settings == settings


def test_entailment_and_activities_have_their_own_forms(tmp_path):
    names = ("contradiction", "neutral", "entailment")
    train = {
        str(n): {"hypothesis": "a dog", "explanation": f"word{n % 3}", "answer": names[n % 3]}
        for n in range(30)
    }
    test = {key: each | {"gt_explanation": each["explanation"]} for key, each in train.items()}
    given = PredictFiles(written(tmp_path, "a", train), written(tmp_path, "b", test))
    found = evaluate_explain_predict(given).document
    assert (found.task, values(found)["truth"]) == ("e-snli-ve", 100)
    activity = {
        key: {"explanation": each["explanation"], "all_answers_raw": [each["answer"], "more"]}
        for key, each in train.items()
    }
    shown = {key: each | {"gt_explanation": each["explanation"]} for key, each in activity.items()}
    given = PredictFiles(written(tmp_path, "c", activity), written(tmp_path, "d", shown))
    found = evaluate_explain_predict(given).document
    assert (found.task, values(found)["truth"]) == ("act-x", 100)
    mixed = PredictFiles(written(tmp_path, "a", train), written(tmp_path, "d", shown))
    with pytest.raises(UsageError, match="different tasks: act-x, e-snli-ve"):
        evaluate_explain_predict(mixed)


def test_a_validation_file_leaves_all_training_items(tmp_path):
    held = {key: each for key, each in training().items() if int(key) < 9}
    classes = {"red": 0, "blue": 1, "green": 2}
    given = files(tmp_path, validation=held, classes=classes)
    found = evaluate_explain_predict(given).document
    assert (found.items.training, found.items.validation) == (60, 9)
    assert found.items.classes == 3
    assert set(found.files) == {"training", "judged", "validation", "classes"}


def test_every_judged_reason_needs_its_sentence(tmp_path):
    with pytest.raises(UsageError, match="1 of 4 judged reasons have no generated sentence"):
        evaluate_explain_predict(files(tmp_path, answers=answers()[:3]))


def test_an_answer_that_is_no_class_of_entailment_is_refused(tmp_path):
    train = {str(n): {"hypothesis": "a", "explanation": "b", "answer": "maybe"} for n in range(4)}
    test = {key: each | {"gt_explanation": "b"} for key, each in train.items()}
    given = PredictFiles(written(tmp_path, "a", train), written(tmp_path, "b", test))
    with pytest.raises(UsageError, match="'maybe'; wanted is one of contradiction"):
        evaluate_explain_predict(given)
    assert json.loads((tmp_path / "a.json").read_text())
