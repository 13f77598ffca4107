import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet
import pytest
from tests.evaluation.tasks.trees import (
    quarters,
    save_tiny_encoder,
    write_labelled,
    write_voc,
)

from seewhy.cli.main import run
from seewhy.evaluation.tasks.job import TaskJob
from seewhy.results.files import file_sha256

VOC = {
    "2007_1": quarters((0, 7, 255, 12)),
    "2007_2": quarters((0, 0, 7, 7)),
    "2007_3": quarters((0, 20, 0, 0)),
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def voc(tmp_path):
    write_voc(tmp_path / "voc", VOC)
    return tmp_path / "voc"


def evaluate(task, dataset, output, *options, encoder, code=0):
    line = ["evaluate", task, "--dataset", dataset, "--output", str(output), "--bootstrap", "100"]
    usual = ["--encoder", encoder, "--template", "{}", "--size", "32", "--device", "cpu"]
    assert run([*line, *usual, *map(str, options)]) == code
    summary = output / "summary.json"
    return json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else None


def hashes(folder):
    return {path.name: file_sha256(path) for path in folder.iterdir() if path.is_file()}


def test_maps_of_several_methods_on_the_same_images(tmp_path, voc, encoder, capsys):
    methods = ("--method", "clip-surgery", "--method", "raw", "--method", "reverse")
    found = evaluate("maps", "voc", tmp_path / "out", "--root", voc, *methods, encoder=encoder)
    assert [method["name"] for method in found["methods"]] == ["clip-surgery", "raw", "reverse"]
    assert found["images"] == {
        "offered": 3, "used": 3, "failed": 0, "dropped": 0, "without_labels": 0,
    }  # fmt: skip
    raw, reverse = (method["figures"] for method in found["methods"][1:])
    assert reverse["mSC"]["value"] == pytest.approx(-raw["mSC"]["value"], abs=1e-3)
    assert reverse["AUROC"]["value"] == pytest.approx(100 - raw["AUROC"]["value"], abs=1e-3)
    assert raw["mIoU"]["low"] <= raw["mIoU"]["value"] <= raw["mIoU"]["high"]
    classes = {row["name"]: row["images"] for row in found["methods"][0]["classes"]}
    assert classes == {"car": 2, "dog": 1, "tv monitor": 1}
    table = pyarrow.parquet.read_table(tmp_path / "out" / "rows.parquet")
    assert table.num_rows == 3 * 4
    assert (found["settings"]["size"], found["settings"]["templates"]) == (32, ["{}"])
    assert "mSC" in capsys.readouterr().out


def test_the_same_again_gives_the_same_files(tmp_path, voc, encoder):
    for name in ("first", "second"):
        evaluate("maps", "voc", tmp_path / name, "--root", voc, encoder=encoder)
    assert hashes(tmp_path / "first") == hashes(tmp_path / "second")
    assert not (tmp_path / "first" / "parts").exists()


def test_a_broken_image_and_a_broken_mask_cost_nothing_else(tmp_path, voc, encoder, capsys):
    whole = evaluate("maps", "voc", tmp_path / "whole", "--root", voc, encoder=encoder)
    home = write_voc(voc, VOC | {"broken": quarters((7,) * 4), "worse": quarters((7,) * 4)})
    (home / "JPEGImages" / "broken.jpg").write_bytes(b"no picture")
    (home / "SegmentationClass" / "worse.png").write_bytes(b"no mask")
    out = tmp_path / "out"
    found = evaluate("maps", "voc", out, "--root", voc, encoder=encoder, code=3)
    assert found["failures"] == {"unidentified": 2}
    assert found["methods"] == whole["methods"]
    failures = pyarrow.parquet.read_table(out / "failures.parquet").to_pylist()
    assert [row["id"] for row in failures] == ["broken", "worse"]
    assert "failures.parquet names each" in capsys.readouterr().err
    more = ("--root", voc, "--max-failures", "0.5")
    evaluate("maps", "voc", tmp_path / "tolerant", *more, encoder=encoder)


def test_segmentation_counts_pixels_by_class(tmp_path, voc, encoder):
    found = evaluate("segmentation", "voc", tmp_path / "out", "--root", voc, encoder=encoder)
    rows = {row["name"]: row["images"] for row in found["methods"][0]["classes"]}
    assert rows == {"car": 2, "dog": 1, "tv monitor": 1}
    assert len(found["dataset"]["class_names"]) == 20
    lines = (tmp_path / "out" / "confusion-raw.csv").read_text().splitlines()
    assert lines[0].split(",")[:3] == ["true", "aeroplane", "bicycle"]
    counts = np.array([[int(cell) for cell in line.split(",")[1:]] for line in lines[1:]])
    # Stored 7, 12 and 20 are classes 6, 11 and 19; a quarter has 256 pixels.
    totals = counts.sum(axis=1)
    assert {row: total for row, total in enumerate(totals) if total} == {6: 768, 11: 256, 19: 256}


def test_background_is_a_class_where_the_data_set_says_so(tmp_path, voc, encoder):
    found = evaluate("segmentation", "voc21", tmp_path / "out", "--root", voc, encoder=encoder)
    assert found["dataset"]["class_names"][0] == "background"
    assert found["methods"][0]["classes"][0]["images"] == 3
    write_voc(tmp_path / "context", VOC, year=2010, kind="Context")
    place = ("--root", tmp_path / "context")
    for name, classes in (("context", 59), ("context60", 60)):
        found = evaluate("segmentation", name, tmp_path / name, *place, encoder=encoder)
        assert len(found["dataset"]["class_names"]) == classes


def test_tagging_says_how_many_images_were_used(tmp_path, voc, encoder):
    write_voc(voc, VOC | {"2007_4": quarters((0, 0, 255, 0))})
    found = evaluate("tagging", "voc", tmp_path / "kept", "--root", voc, encoder=encoder)
    assert [each["name"] for each in found["methods"]] == ["feature-surgery", "cosine", "softmax"]
    assert (found["images"]["used"], found["images"]["without_labels"]) == (4, 1)
    options = ("--root", voc, "--unlabelled", "dropped", "--method", "cosine")
    found = evaluate("tagging", "voc", tmp_path / "dropped", *options, encoder=encoder)
    assert (found["images"]["used"], found["images"]["dropped"]) == (3, 1)
    assert found["images"]["without_labels"] == 0


def test_points_with_and_without_a_segmenter(tmp_path, voc, encoder):
    options = ("--root", voc, "--method", "clip-surgery")
    found = evaluate("points", "voc", tmp_path / "maps", *options, encoder=encoder)
    assert [each["name"] for each in found["methods"]] == ["clip-surgery, map"]
    options = (*options, "--segmenter", "colours")
    both = evaluate("points", "voc", tmp_path / "both", *options, encoder=encoder)
    assert both["methods"][0] == found["methods"][0]
    assert both["methods"][1]["name"] == "clip-surgery, points"
    assert both["methods"][1]["threshold"] is None


def test_camouflage_is_measured_as_a_picture(tmp_path, encoder):
    home = tmp_path / "data" / "TestDataset" / "COD10K"
    for number, values in enumerate([(0, 255, 0, 0), (255, 255, 0, 0)]):
        image, truth = home / "Imgs" / f"{number}.jpg", home / "GT" / f"{number}.png"
        write_labelled(image, truth, quarters(values))
    place = ("--root", tmp_path / "data", "--redundant", "", "--redundant", "background")
    found = evaluate("camouflage", "cod10k", tmp_path / "out", *place, encoder=encoder)
    assert found["unit"] == "share"
    figures = found["methods"][0]["figures"]
    assert set(figures) == {
        "S-measure", "weighted F", "mean E-measure", "max E-measure", "MAE",
    }  # fmt: skip
    assert all(0 <= figure["value"] <= 1.01 for figure in figures.values())


def test_an_image_can_be_shown_in_windows_side_by_side(tmp_path, encoder):
    wide = {"wide": np.kron(quarters((7, 12, 7, 12)), np.ones((1, 3), dtype=int))}
    write_voc(tmp_path / "voc", wide)
    options = ("--root", tmp_path / "voc", "--layout", "sliding")
    found = evaluate("segmentation", "voc", tmp_path / "out", *options, encoder=encoder)
    assert found["settings"]["layout"] == "sliding"
    (row,) = pyarrow.parquet.read_table(tmp_path / "out" / "rows.parquet").to_pylist()[:1]
    assert sum(row["true"]) == sum(row["predicted"]) == wide["wide"].size


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("maps --dataset nus-wide --root .", "nus-wide is not for maps, but for tagging"),
        ("camouflage --dataset scenes", "For camouflage there are cod10k, camo"),
        ("maps --dataset voc", "--root"),
        ("maps --dataset scenes --root .", "leave --root out"),
        ("maps --dataset scenes --words value", "there are 'colour', 'kind'"),
        ("maps --dataset voc --root . --words value", "leave the words out"),
        ("maps --dataset scenes --method grd-cam", "no method 'grd-cam'"),
        ("segmentation --dataset scenes --method reverse", "'reverse' is no method of segment"),
        ("tagging --dataset scenes --method raw", "feature-surgery, cosine, softmax"),
        ("maps --dataset scenes --layout sliding", "`layout` is for segmentation, not for maps"),
        ("maps --dataset scenes --segmenter colours", "`segmenter` is for points and camouflage"),
        ("tagging --dataset scenes --prompt x", "`prompt` is for camouflage"),
        ("maps --dataset scenes --size 33", "a side of 33 is no whole number of them"),
        ("maps --dataset scenes --method raw --method raw", "named twice"),
        ("maps --dataset scenes --encoder timm:resnet18/random-weights", "understands no texts"),
    ],
)
def test_wrong_combinations_name_the_right_ones(tmp_path, capsys, words, told):
    line = ["evaluate", *words.split(), "--output", str(tmp_path / "out")]
    assert run(line) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_an_encoder_that_lacks_the_words_says_so(tmp_path, voc, capsys):
    line = ["evaluate", "maps", "--dataset", "voc", "--root", str(voc), "--size", "64"]
    assert run([*line, "--template", "{}", "--output", str(tmp_path / "out")]) == 2
    assert "does not know the words 'aeroplane'" in capsys.readouterr().err


def test_a_limit_chooses_by_the_seed(tmp_path, voc, encoder):
    chosen = set()
    for seed in range(3):
        options = ("--root", voc, "--limit", 1, "--seed", seed, "--method", "cosine")
        out = tmp_path / str(seed)
        found = evaluate("tagging", "voc", out, *options, encoder=encoder)
        assert found["images"]["offered"] == 1
        assert found["dataset"]["notes"] == [f"1 of 3 images were chosen by seed {seed}"]
        chosen |= set(pyarrow.parquet.read_table(out / "rows.parquet")["id"].to_pylist())
    assert len(chosen) > 1


def test_a_killed_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    line = ["evaluate", "maps", "--dataset", "scenes", "--bootstrap", "100", "--device", "cpu"]
    line += ["--limit", "16", "--shard-images", "2", "--seed", "5", "--method", "clip-surgery"]
    assert run([*line, "--output", str(tmp_path / "whole")]) == 0
    out = tmp_path / "killed"
    program = "import sys; from seewhy.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *line, "--output", str(out)]
    # Eight colours, the empty text and the request; beyond these are parts of images.
    before = 8 + 1 + 1
    with subprocess.Popen(command, env=os.environ) as process:
        deadline = time.monotonic() + 300
        while len(list(out.glob("parts/*.json"))) < before + 2 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    assert not (out / "summary.json").exists()
    prepared = []
    prepare = TaskJob.prepare

    def counted(self, identity, image):
        prepared.append(identity)
        return prepare(self, identity, image)

    monkeypatch.setattr(TaskJob, "prepare", counted)
    assert run([*line, "--output", str(out), "--resume"]) == 0
    assert 0 < len(prepared) <= 14
    assert hashes(out) == hashes(tmp_path / "whole")


def test_two_encoders_are_compared_on_the_same_images(tmp_path, voc, encoder, capsys):
    other = save_tiny_encoder(tmp_path / "other", seed=1)
    for name, model in (("first", encoder), ("second", other)):
        evaluate("maps", "voc", tmp_path / name, "--root", voc, encoder=model)
    capsys.readouterr()
    line = ["evaluate", "compare", str(tmp_path / "first"), str(tmp_path / "second")]
    assert run([*line, "--bootstrap", "100"]) == 0
    assert "3 images in common" in capsys.readouterr().out


def test_truths_have_the_size_of_their_image(tmp_path, voc, encoder):
    home = write_voc(voc, VOC | {"odd": quarters((7,) * 4)})
    write_labelled(home / "JPEGImages" / "odd.jpg", tmp_path / "other.png", quarters(side=16))
    found = evaluate("maps", "voc", tmp_path / "out", "--root", voc, encoder=encoder, code=3)
    assert found["failures"] == {"size_mismatch": 1}
