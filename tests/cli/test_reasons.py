import json

import pytest
from PIL import Image
from tests.evaluation.narration.predicting import answers, judged, training, written
from tests.models.text_folders import write_text_folder

from seewhy.cli.main import run

COLOURS = {"red": (228, 26, 28), "blue": (38, 70, 230)}


def summary(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_explain_predict_prints_all_figures(tmp_path, capsys):
    given = [("train", training()), ("test", judged()), ("answers", answers())]
    train, test, own = (str(written(tmp_path, name, document)) for name, document in given)
    out = tmp_path / "out"
    line = ["evaluate", "explain-predict", train, test, "--answers", own, "--bootstrap", "100"]
    assert run([*line, "--epochs", "15", "--output", str(out)]) == 0
    found = summary(out)
    assert list(found["figures"]) == ["truth", "ceiling", "own answer", "no reason"]
    assert found["settings"]["epochs"] == len(found["epochs"]) == 15
    printed = capsys.readouterr().out
    for word in ("ceiling", "54 to learn", "4 judged", "of 15 is kept", "stand-in"):
        assert word in printed


def test_explain_predict_refuses_a_folder_without_encoder(tmp_path, capsys):
    train, test = written(tmp_path, "train", training()), written(tmp_path, "test", judged())
    line = ["evaluate", "explain-predict", str(train), str(test), "--encoder", str(tmp_path)]
    assert run([*line, "--output", str(tmp_path / "out")]) == 2
    assert "distilbert-base-uncased" in capsys.readouterr().err


@pytest.fixture
def questions(tmp_path):
    """Two images with a question each, in NLX-GPT's form."""
    folder = tmp_path / "images" / "val2014"
    folder.mkdir(parents=True)
    entries = {}
    for number, (colour, shade) in enumerate(COLOURS.items()):
        name = f"COCO_val2014_{number:012d}.png"
        Image.new("RGB", (64, 64), shade).save(folder / name)
        entries[str(number)] = {
            "question": f"a {colour} circle",
            "answers": [{"answer": "yes", "answer_confidence": "yes", "answer_id": 1}],
            "image_id": str(number),
            "image_name": name,
            "explanation": ["so"],
        }
    return str(written(tmp_path, "vqaX_test", entries))


def test_from_questions_to_nearest_inputs_to_how_alike_reasons_are(tmp_path, questions, capsys):
    found = tmp_path / "found"
    line = ["evaluate", "retrieval-inputs", questions, "--images", str(tmp_path / "images")]
    line += ["--encoder", "embedded:clip-objects", "--nearest", "2", "--output", str(found)]
    assert run(line) == 0
    path = found / "retrieval_attack_data_i2t_vqaX.json"
    nearest = json.loads(path.read_text(encoding="utf-8"))
    assert {tuple(sorted(each)) for each in nearest.values()} == {("a blue circle", "a red circle")}
    reasons = [
        {"query": query, "input": one, "explanation": f"because {one}"}
        for query, each in nearest.items()
        for one in each
    ]
    told = written(tmp_path, "reasons", reasons)
    line = [
        "evaluate",
        "retrieval-attack",
        str(path),
        str(told),
        "--cut",
        "2",
        "--bootstrap",
        "100",
    ]
    assert run([*line, "--output", str(tmp_path / "hashed")]) == 0
    value = summary(tmp_path / "hashed")["figures"]["similarity at 2"]["value"]
    # "because a red circle" and "because a blue circle": of 7 n-grams each, 4 are shared.
    assert value == pytest.approx(400 / 7)
    assert "2.0 inputs, 2.0 reasons of 2" in capsys.readouterr().out
    folder = write_text_folder(tmp_path / "tiny")
    line += ["--sentences", str(folder), "--output", str(tmp_path / "encoded")]
    assert run(line) == 0
    assert summary(tmp_path / "encoded")["encoder"] == "tiny"


def test_a_narrator_reasons_about_what_was_retrieved(tmp_path, questions, capsys):
    images = ["--images", str(tmp_path / "images")]
    line = ["evaluate", "retrieval-inputs", questions, *images, "--nearest", "2"]
    assert run([*line, "--encoder", "embedded:clip-objects", "--output", str(tmp_path)]) == 0
    nearest = str(tmp_path / "retrieval_attack_data_i2t_vqaX.json")
    line = ["evaluate", "retrieval-reasons", nearest, questions, *images]
    line += ["--narrator", "embedded:narrator-tiny", "--output", str(tmp_path)]
    assert run(line) == 0
    assert "4 reasons for the inputs of 2 queries" in capsys.readouterr().out
    line = ["evaluate", "retrieval-attack", nearest, str(tmp_path / "reasons.json")]
    assert run([*line, "--cut", "2", "--bootstrap", "100", "--output", str(tmp_path / "a")]) == 0
    assert 0 < summary(tmp_path / "a")["figures"]["similarity at 2"]["value"] <= 100
    (tmp_path / "images" / "val2014" / "COCO_val2014_000000000001.png").unlink()
    assert (
        run(
            [
                *line[:1],
                "retrieval-reasons",
                nearest,
                questions,
                *images,
                "--narrator",
                "embedded:narrator-tiny",
                "--output",
                str(tmp_path),
            ]
        )
        == 3
    )


def test_a_classifier_retrieves_nothing(tmp_path, questions, capsys):
    line = ["evaluate", "retrieval-inputs", questions, "--images", str(tmp_path / "images")]
    line += ["--encoder", "torchvision:resnet18/random-weights", "--output", str(tmp_path / "out")]
    assert run(line) == 2
    assert "no dual encoder" in capsys.readouterr().err
