import csv
import json

import pytest
from tests.models.text_folders import write_text_folder

from seewhy.cli.main import run
from seewhy.evaluation.captions.bertscore import bert_f1
from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.meteor import NAME
from seewhy.evaluation.captions.scores import score_captions
from seewhy.models.text_folder import load_text_folder

TOLD = {
    1: "yes because the sky is clear",
    2: "2 because there are two dogs",
    3: "blue because it is painted blue",
    4: "no because there is a wet road",
}
ANSWERS = {1: ["yes", "yes", "no"], 2: ["two", "three", "3"], 3: ["red"], 4: ["no"] * 3}
REASONS = {
    1: ["the sky is blue"],
    2: ["there are two dogs"],
    3: ["it is painted", "it has paint"],
    4: ["the road is wet"],
}


@pytest.fixture
def files(tmp_path):
    def write(name, document):
        path = tmp_path / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return str(path)

    return write


def results(texts):
    return [{"image_id": name, "caption": text} for name, text in texts.items()]


def references(texts):
    pairs = [(name, text) for name, group in texts.items() for text in group]
    return {"annotations": [{"image_id": name, "caption": text} for name, text in pairs]}


def entries():
    return {str(name): {"answers": ANSWERS[name], "explanation": REASONS[name]} for name in TOLD}


def evaluate(task, output, *options, code=0):
    line = ["evaluate", task, *options, "--output", str(output), "--bootstrap", "100"]
    assert run(line) == code
    summary = output / "summary.json"
    return json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else None


def read_rows(output):
    with (output / "items.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def reasons():
    return {name: text.split(" because ")[1] for name, text in TOLD.items()}


def test_captions_are_scored_as_by_the_library(tmp_path, files, capsys):
    given = files("results.json", results(reasons()))
    known = files("references.json", references(REASONS))
    found = evaluate("captions", tmp_path / "out", given, known)
    expected = score_captions(caption_items(reasons(), REASONS)).values
    values = {name: figure["value"] for name, figure in found["scores"].items()}
    assert values == pytest.approx({name: 100 * value for name, value in expected.items()})
    assert found["change"] is None
    printed = capsys.readouterr().out
    assert f"{100 * expected['CIDEr']:.1f} (" in printed
    assert "4 captions" in printed
    assert [row["id"] for row in read_rows(tmp_path / "out")] == ["1", "2", "3", "4"]


def test_an_edit_is_compared_with_its_input(tmp_path, files, capsys):
    given = files("results.json", results(REASONS_FIRST | {9: "unknown"}))
    inputs = files("inputs.json", results({name: reasons()[name] for name in (1, 2, 4)}))
    known = files("references.json", references(REASONS | {8: ["no result"]}))
    found = evaluate("captions", tmp_path / "out", given, known, "--inputs", inputs)
    assert found["items"] == {
        "scored": 3, "without_reference": ["9"], "without_result": ["8"], "without_input": ["3"],
    }  # fmt: skip
    shares = {name: figure["value"] for name, figure in found["change"]["shares"].items()}
    expected = {"changed": 200 / 3, "improved": 200 / 3, "worsened": 0, "kept when right": 100}
    assert shares == pytest.approx(expected)
    assert all(each["low"] >= 0 for each in found["change"]["differences"].values())
    printed = capsys.readouterr().out
    assert "left out 1 without reference: 9" in printed
    assert "left out 1 without input: 3" in printed
    assert "less input" in printed


REASONS_FIRST = {name: texts[0] for name, texts in REASONS.items()}


def test_narrations_are_filtered_by_every_rule(tmp_path, files, capsys):
    given, known = files("results.json", results(TOLD)), files("truths.json", entries())
    found = evaluate("narration", tmp_path / "out", given, known)
    accuracies = {rule: figure["value"] for rule, figure in found["accuracies"].items()}
    assert accuracies == pytest.approx({"majority": 50, "any": 75, "vqa": 50})
    assert {rule: group["items"] for rule, group in found["filtered"].items()} == {
        "majority": 2,
        "any": 3,
    }
    alone = score_captions(caption_items(reasons(), REASONS).only({1, 4})).values
    filtered = found["filtered"]["majority"]["scores"]
    assert filtered["CIDEr"]["value"] == pytest.approx(100 * alone["CIDEr"])
    assert filtered[NAME]["value"] == pytest.approx(100 * alone[NAME])
    printed = capsys.readouterr().out
    assert "majority (2)" in printed
    assert "right by any" in printed
    rows = read_rows(tmp_path / "out")
    assert [row["right by majority"] for row in rows] == ["1.0", "0.0", "0.0", "1.0"]


def test_narrations_with_whole_sentences_and_bertscores(tmp_path, files):
    whole = {name: [f"yes because {text}" for text in texts] for name, texts in REASONS.items()}
    f1 = files("f1.json", {"1": 0.99, "2": 0.92, "3": 0.5, "4": 0.1})
    given, known = files("results.json", results(TOLD)), files("whole.json", references(whole))
    found = evaluate("narration", tmp_path / "out", given, known, "--answer-f1", f1)
    accuracies = {rule: figure["value"] for rule, figure in found["accuracies"].items()}
    assert accuracies == {"reference": 25, "bertscore": 50}


def test_reasons_alone_judge_no_answer(tmp_path, files, capsys):
    given, known = files("results.json", results(TOLD)), files("known.json", references(REASONS))
    found = evaluate("narration", tmp_path / "out", given, known)
    assert (found["accuracies"], found["filtered"]) == ({}, {})
    assert "none is judged" in capsys.readouterr().out


def test_the_parsing_is_a_choice(tmp_path, files):
    twice = {1: "yes because it is blue because the sky is blue"}
    given, known = files("results.json", results(twice)), files("truths.json", entries())
    ours = evaluate("narration", tmp_path / "a", given, known)
    published = evaluate("narration", tmp_path / "b", given, known, "--parsing", "nlx-gpt")
    assert ours["unfiltered"]["scores"]["BLEU-1"]["value"] < 60
    assert published["unfiltered"]["scores"]["BLEU-1"]["value"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("task", "finding"),
    [("captions", "a list of 4, and the whole is wrong"), ("narration", "holds a list of 4")],
)
def test_files_in_the_wrong_order_are_refused(tmp_path, files, capsys, task, finding):
    given = files("results.json", results(TOLD))
    assert evaluate(task, tmp_path / "out", given, given, code=2) is None
    assert finding in capsys.readouterr().err


def test_an_unknown_program_is_refused(tmp_path, files, capsys):
    given, known = files("results.json", results(TOLD)), files("known.json", references(REASONS))
    evaluate("captions", tmp_path / "out", given, known, "--official", "ROUGE", code=2)
    assert "Choose METEOR or SPICE" in capsys.readouterr().err


def test_bertscore_judges_answers_and_scores_reasons(tmp_path, files):
    folder = str(write_text_folder(tmp_path / "tiny"))
    given, known = files("results.json", results(TOLD)), files("truths.json", entries())
    found = evaluate("narration", tmp_path / "out", given, known, "--bertscore", folder)
    encoder = load_text_folder(folder)
    answers = [text.split(" because ")[0] for text in TOLD.values()]
    f1 = bert_f1(encoder, answers, list(ANSWERS.values()))
    right = found["accuracies"]["bertscore"]["value"]
    assert right == pytest.approx(100 * (f1 >= 0.92).mean())
    assert right >= 50
    reason = bert_f1(encoder, list(reasons().values()), list(REASONS.values()))
    assert found["unfiltered"]["scores"]["BERTScore"]["value"] == pytest.approx(100 * reason.mean())
    kept = found["filtered"]["majority"]["scores"]["BERTScore"]["value"]
    assert kept == pytest.approx(100 * reason[[0, 3]].mean())


def test_bertscore_of_captions(tmp_path, files):
    folder = str(write_text_folder(tmp_path / "tiny"))
    given = files("results.json", results(REASONS_FIRST))
    known = files("references.json", references(REASONS))
    line = (given, known, "--bertscore", folder, "--bertscore-block", "1")
    found = evaluate("captions", tmp_path / "out", *line)
    assert found["scores"]["BERTScore"]["value"] == pytest.approx(100)
    assert found["settings"]["block"] == 1


def test_bertscore_says_what_to_give(tmp_path, files, capsys):
    given, known = files("results.json", results(TOLD)), files("truths.json", entries())
    evaluate("narration", tmp_path / "out", given, known, "--bertscore", "nowhere", code=2)
    assert "Wanted is a folder such as that of distilbert" in capsys.readouterr().err
