import json

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from tests.concepts.examples import bank_file, encoder, labelled_folder, question, quick
from tests.mapping.examples import scene

from seewhy.concepts.images import Writer
from seewhy.concepts.run import explain_images
from seewhy.data.bank_sources import load_bank
from seewhy.data.places import open_places
from seewhy.methods.mutual_knowledge.method import MutualKnowledge

NAMES = ["a_cat/0.png", "a_cat/1.png", "a_dog/0.png", "a_dog/1.png"]


@pytest.fixture(scope="module")
def encoders():
    return [encoder("tiny one", 0), encoder("tiny two", 1)]


@pytest.fixture
def place(tmp_path):
    return labelled_folder(tmp_path / "in")


@pytest.fixture
def run(tmp_path, place, encoders):
    """Explains the images of the folder; returns the result."""
    bank = bank_file(tmp_path)

    def call(encoders=encoders[:1], output="out", **changes):
        settings = quick(bank=bank, **changes)
        source = open_places([place])
        asked = question(bank, encoders, settings, source.records)
        return explain_images(asked, source, tmp_path / output, settings)

    return call


def rows(tmp_path, name="concepts", output="out"):
    return pyarrow.parquet.read_table(tmp_path / output / f"{name}.parquet").to_pylist()


def lines(tmp_path, output="out"):
    text = (tmp_path / output / "concepts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_every_image_and_encoder_gets_a_row_its_parts_and_a_line(run, tmp_path, encoders):
    result = run(encoders)
    assert (result.made, result.kept, result.failures) == (4, 0, ())
    found = rows(tmp_path)
    assert [(each["image"], each["encoder"]) for each in found] == [
        (name, each.name) for name in NAMES for each in encoders
    ]
    told = lines(tmp_path)
    assert [each["image"] for each in told] == NAMES
    assert [each["label"] for each in told] == ["a cat", "a cat", "a dog", "a dog"]
    parts = rows(tmp_path, "parts")
    for row in found:
        (image,) = (each for each in told if each["image"] == row["image"])
        (reading,) = (each for each in image["readings"] if each["encoder"] == row["encoder"])
        texts = [each["text"] for each in reading["found"]]
        expected = [each["text"] for each in reading["expected"]]
        assert json.loads(row["found"]) == texts
        assert json.loads(row["shared"]) == [text for text in texts if text in expected]
        assert row["shared_count"] == len(set(texts) & set(expected))
        assert row["is_correct"] == (row["predicted"] == row["label"])
        assert row["area"] == pytest.approx(np.mean(reading["predicted"]["curve"]))
        own = [each for each in parts
               if (each["image"], each["encoder"]) == (row["image"], row["encoder"])]  # fmt: skip
        assert {each["text"] for each in own} == set(texts)
        assert [(each["part"], each["rank"], each["text"]) for each in own] == [
            (part["number"], rank, text["text"])
            for part in reading["parts"]
            for rank, text in enumerate(part["texts"], 1)
        ]
        with Image.open(tmp_path / "out" / row["folder"] / row["picture"]) as picture:
            assert picture.size == (240, 180)


def test_the_figures_are_those_of_the_method_itself(run, tmp_path, encoders):
    run()
    bank = str(tmp_path / "bank.txt")
    (reader,) = question(bank, encoders[:1], quick(bank=bank)).readers
    (seen,) = reader.method.look(reader.asked, [scene(10)])
    winner = reader.method.against(reader.asked, seen, seen.predicted)
    (row,) = (each for each in rows(tmp_path) if each["image"] == "a_cat/0.png")
    assert row["predicted"] == winner.name
    assert row["area"] == pytest.approx(winner.area)
    assert row["p_value"] == pytest.approx(winner.overlap.p_value)
    assert json.loads(row["found"]) == list(reader.asked.words(seen.concepts))


def test_a_wrong_winner_is_held_against_the_true_class(run, tmp_path):
    run()
    for image in lines(tmp_path):
        (reading,) = image["readings"]
        rivals = [each["rival"] for each in reading["contrasts"]]
        known = {reading["predicted"]["name"], reading["runner_up"]["name"]}
        third = [] if image["label"] in known else [image["label"]]
        assert rivals == [reading["runner_up"]["name"], *third]
        assert reading["truth"]["name"] == image["label"]
        for contrast in reading["contrasts"]:
            kinds = [contrast[name] for name in ("both", "winner", "rivals", "neither")]
            listed = [text for texts in kinds for text in texts]
            assert sorted(listed) == sorted(each["text"] for each in reading["found"])
            assert not set(contrast["missing"]) & set(listed)


def test_the_document_counts_right_answers_and_tells_chance(run, tmp_path):
    document = run().document
    assert json.loads((tmp_path / "out" / "concepts.json").read_bytes()) == document.model_dump(
        mode="json"
    )
    (summary,) = document.encoders
    table = rows(tmp_path)
    right = [each["is_correct"] for each in table]
    assert summary.accuracy.value == sum(right) / 4
    assert summary.accuracy.low <= summary.accuracy.value <= summary.accuracy.high
    assert summary.mean_area.value == pytest.approx(np.mean([each["area"] for each in table]))
    assert summary.information.value == pytest.approx(np.mean([each["index"] for each in table]))
    assert 0 < summary.chance.p_value <= 1
    assert sum(each.predicted for each in summary.classes) == 4
    assert [each.labelled for each in summary.classes] == [2, 2, 0]
    assert document.relations == []
    assert document.bank["texts"] == 10
    assert "progress" not in document.settings


def test_three_encoders_are_compared(run, encoders):
    document = run([*encoders, encoder("tiny three", 2)]).document
    assert {(each.group, each.figure) for each in document.relations} == {
        ("all", "information"), ("all", "area"), ("ViT", "information"), ("ViT", "area"),
    }  # fmt: skip
    assert all(each.encoders == 3 for each in document.relations)


def test_a_second_run_keeps_everything_and_writes_the_same(run, tmp_path, monkeypatch):
    run()
    before = contents(tmp_path / "out")
    monkeypatch.setattr(MutualKnowledge, "look", lambda *_, **__: pytest.fail("looked again"))
    result = run()
    assert (result.made, result.kept) == (0, 4)
    assert contents(tmp_path / "out") == before


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(run, tmp_path, monkeypatch):
    run(output="whole")
    write, written = Writer.write_all, []

    def killed(self, taken):
        if written:
            raise KeyboardInterrupt
        written.append(taken)
        return write(self, taken)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write_all", killed)
        with pytest.raises(KeyboardInterrupt):
            run(batch_size=2)
    assert not (tmp_path / "out" / "concepts.parquet").exists()
    result = run(batch_size=2)
    assert (result.made, result.kept) == (2, 2)
    whole, found = rows(tmp_path, output="whole"), rows(tmp_path)
    assert [each["found"] for each in found] == [each["found"] for each in whole]


@pytest.mark.parametrize("changes", [{"parts": 3}, {"expected": 5}, {"seed": 1}])
def test_another_question_is_answered_anew(run, changes):
    run()
    assert run(**changes).made == 4


def test_a_broken_image_costs_no_other_and_is_listed(run, place, tmp_path):
    (place / "a_dog" / "broken.png").write_bytes(b"no image")
    result = run()
    assert (result.made, len(result.failures)) == (4, 1)
    assert rows(tmp_path, "failures")[0]["code"] == "unidentified"
    assert "a_dog/broken.png" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_numbers_that_are_not_finite_cost_their_image_alone(run, encoders, monkeypatch):
    look = MutualKnowledge.look

    def blind(self, asked, images):
        from seewhy.base.errors import DataError

        if any(np.array_equal(np.asarray(each), np.asarray(scene(1))) for each in images):
            raise DataError("non_finite", "no numbers.")
        return look(self, asked, images)

    monkeypatch.setattr(MutualKnowledge, "look", blind)
    result = run()
    assert result.made == 3
    assert [(each.id, each.code) for each in result.failures] == [("a_dog/1.png", "non_finite")]


def test_an_image_without_labels_and_in_one_colour_has_a_result(tmp_path, encoders):
    Image.new("RGB", (40, 60), (90, 90, 90)).save(tmp_path / "grey.png")
    bank = bank_file(tmp_path)
    settings = quick(bank=bank)
    result = explain_images(
        question(bank, encoders[:1]),
        open_places([tmp_path / "grey.png"]),
        tmp_path / "out",
        settings,
    )
    assert result.made == 1
    (row,) = rows(tmp_path)
    assert row["label"] is row["is_correct"] is row["label_area"] is None
    assert result.document.encoders[0].accuracy is None


def test_as_published_a_batch_is_kept_or_made_as_a_whole(run, tmp_path):
    run(protocol="published")
    assert run(protocol="published").kept == 4
    (tmp_path / "out" / rows(tmp_path)[0]["folder"] / "thumbnail.png").unlink()
    assert run(protocol="published").made == 4


def test_the_models_are_left_as_they_were(run, encoders):
    before = {name: each.clone() for name, each in encoders[0].module.state_dict().items()}
    run()
    after = encoders[0].module.state_dict()
    assert all(torch.equal(before[name], each) for name, each in after.items())


def test_a_bank_holds_what_all_encoders_can_read(tmp_path, encoders):
    from seewhy.models.tiny import tiny_dual_encoder

    path = tmp_path / "bank.txt"
    path.write_text("red\nblue\nzebra\ngreen\n", encoding="utf-8")
    known = quick(bank=str(path))
    alone = question(str(path), encoders[:1], known, classes=("circle", "square"))
    both = question(
        str(path), [encoders[0], tiny_dual_encoder("vit")], known, classes=("circle", "square")
    )
    assert set(alone.bank.texts) == set(load_bank(path).texts)
    assert set(both.bank.texts) == {"red", "blue", "green"}
    assert all(reader.asked.bank.bank is both.bank for reader in both.readers)
    assert any("1 left out (unknown words), such as 'zebra'" in note for note in both.notes)
