import json

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from tests.similarity.examples import (
    BLUE,
    GREEN,
    RED,
    colour_encoder,
    gallery_of,
    question,
    quick,
    spots,
)

from seewhy.base.errors import DataError, UsageError
from seewhy.data.places import open_places
from seewhy.models.image_encoders import ImageEncoder
from seewhy.results.explanation import load_explanation
from seewhy.similarity import drawing
from seewhy.similarity.pairs import Writer
from seewhy.similarity.run import explain_neighbours, explain_pair, one_image

NAMES = ["1 red.png", "2 both.png", "3 all.png", "4 green.png"]


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch):
    monkeypatch.setattr(drawing, "HEIGHT", 96)


@pytest.fixture
def gallery(tmp_path):
    spots((RED, (4, 4))).save(tmp_path / "query.png")
    return gallery_of(tmp_path / "gallery")


@pytest.fixture
def search(tmp_path, gallery):
    """Explains the neighbours of the query; returns the result."""

    def call(output="out", encoder=None, **changes):
        settings = quick(**changes)
        asked = question(settings, **(encoder or {}))
        query = one_image(open_places([tmp_path / "query.png"]), wanted="the query")
        return explain_neighbours(
            asked, query, open_places([gallery]), output=tmp_path / output, settings=settings
        )

    return call


def rows(tmp_path, name="pairs", output="out"):
    return pyarrow.parquet.read_table(tmp_path / output / f"{name}.parquet").to_pylist()


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_neighbours_come_by_their_cosines(search, tmp_path):
    """A query of pure red has the cosine 1/sqrt(n) with n colours of equal areas."""
    result = search(top=2)
    assert (result.made, result.kept, result.usable) == (2, 0, 4)
    ranking = rows(tmp_path, "ranking")
    assert [each["image"] for each in ranking] == NAMES
    wanted = [1, 1 / np.sqrt(2), 1 / np.sqrt(3), 0]
    assert [each["similarity"] for each in ranking] == pytest.approx(wanted, abs=1e-3)
    found = rows(tmp_path)
    assert [(each["rank"], each["image"]) for each in found] == list(enumerate(NAMES[:2], 1))
    gallery = result.document.gallery
    assert (gallery.images, gallery.highest) == (4, pytest.approx(1))
    assert gallery.median == pytest.approx(np.median(wanted), abs=1e-3)


@pytest.fixture
def mixed(tmp_path, gallery):
    """The query and one of its neighbours, "2 both", have red in common and nothing else."""
    assert gallery.is_dir()
    spots((RED, (12, 4)), (BLUE, (40, 28))).save(tmp_path / "query.png")


@pytest.mark.usefixtures("mixed")
def test_regions_and_counterparts_lie_on_what_both_share(search, tmp_path):
    """In pixels of the images, which are not square and larger than the encoder's input."""
    asked = ("interaction-cam", "interaction-cam-max", "occlusion", "matched-gradient")
    search(methods=asked)
    found = [row for row in rows(tmp_path) if row["image"] == "2 both.png"]
    assert [row["method"] for row in found] == list(asked)
    for row in found:
        assert (tmp_path / "out" / row["folder"] / f"map-{row['method']}.png").is_file()
    for row in found:
        for side, (x, y) in (("first", (12, 4)), ("second", (4, 28))):
            assert x <= row[f"{side}_x"] < x + 16
            assert y <= row[f"{side}_y"] < y + 16
            assert row[f"{side}_left"] <= row[f"{side}_x"] < row[f"{side}_right"]
            assert row[f"{side}_top"] <= row[f"{side}_y"] < row[f"{side}_bottom"]
            other = "second" if side == "first" else "first"
            assert x <= row[f"{other}_counterpart_x"] < x + 16
            assert y <= row[f"{other}_counterpart_y"] < y + 16


@pytest.mark.usefixtures("mixed")
def test_what_the_preprocessing_cuts_off_has_no_value(search, tmp_path):
    """Of 64 x 48 pixels the middle 48 x 48 are seen, the first and last 8 columns are not."""
    search(encoder={"resize": "shortest"}, arrays=True)
    (row,) = (row for row in rows(tmp_path) if row["image"] == "2 both.png")
    assert 12 <= row["first_x"] < 28
    folder = tmp_path / "out" / row["folder"]
    for part in load_explanation(folder / "map-interaction-cam.safetensors").parts:
        assert part.values.shape == (48, 64)
        assert np.isnan(part.values[:, :7]).all()
        assert np.isnan(part.values[:, 57:]).all()
        assert not np.isnan(part.values[:, 9:55]).any()


def test_a_pair_without_a_slope_has_no_region_and_a_note(search, tmp_path):
    search(top=1)
    (row,) = rows(tmp_path)
    assert row["similarity"] == pytest.approx(1)
    assert row["first_x"] is row["second_x"] is row["first_counterpart_x"] is None
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Both views have the same embedding" in page


@pytest.mark.usefixtures("mixed")
def test_arrays_lie_over_the_image_or_the_input(search, tmp_path):
    search(arrays=True, frame="input", output="input")
    search(arrays=True, output="image")
    (row,) = (row for row in rows(tmp_path, output="image") if row["image"] == "2 both.png")
    name = f"{row['folder']}/map-interaction-cam.safetensors"
    whole, given = (load_explanation(tmp_path / each / name) for each in ("image", "input"))
    assert given.parts[0].values.shape == (32, 32)
    values = whole.parts[0].values
    assert values.shape == (48, 64)
    assert values[row["first_y"], row["first_x"]] == pytest.approx(values.max(), rel=0.02)
    assert whole.score == given.score == row["similarity"]


def test_two_named_images_make_one_pair(tmp_path, gallery):
    images = [one_image(open_places([gallery / name]), wanted="one") for name in NAMES[1:3]]
    result = explain_pair(question(), tuple(images), tmp_path / "out", quick())
    assert result.document.gallery is None
    (row,) = rows(tmp_path)
    assert (row["query"], row["image"], row["rank"]) == (*NAMES[1:3], None)
    (line,) = (tmp_path / "out" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    told = json.loads(line)
    assert told["readings"][0]["first"]["region"]["peak"] == {
        "x": row["first_x"],
        "y": row["first_y"],
    }
    with Image.open(tmp_path / "out" / row["folder"] / row["picture"]) as picture:
        assert picture.height == 96


def test_a_folder_is_no_image(gallery):
    with pytest.raises(UsageError, match="holds 4 images; wanted one as the query"):
        one_image(open_places([gallery]), wanted="the query")


def test_a_second_run_keeps_everything_and_writes_the_same(search, tmp_path, monkeypatch):
    search()
    before = contents(tmp_path / "out")
    monkeypatch.setattr(Writer, "write_all", lambda *_: pytest.fail("explained again"))
    result = search()
    assert (result.made, result.kept) == (0, 4)
    assert contents(tmp_path / "out") == before


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(search, tmp_path, monkeypatch):
    search(output="whole", batch_size=1)
    write, written = Writer.write_all, []

    def killed(self, taken):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(taken)
        return write(self, taken)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write_all", killed)
        with pytest.raises(KeyboardInterrupt):
            search(batch_size=1)
    assert not (tmp_path / "out" / "pairs.parquet").exists()
    result = search(batch_size=1)
    assert (result.made, result.kept) == (2, 2)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("changes", [{"methods": ("grad-cam",)}, {"region": 0.1}, {"size": 64}])
def test_another_question_is_answered_anew(search, changes):
    search()
    assert search(**changes).made == 4


def test_another_query_is_answered_anew(search, tmp_path):
    search()
    spots((GREEN, (4, 4)), (RED, (40, 4))).save(tmp_path / "query.png")
    assert search().made == 4


def test_the_query_is_not_its_own_neighbour(search, gallery, tmp_path):
    (gallery / "0 same.png").write_bytes((tmp_path / "query.png").read_bytes())
    result = search()
    assert [each.image for each in result.document.pairs] == NAMES
    assert any("left out" in note for note in result.document.notes)


def test_a_broken_image_costs_no_other_and_is_listed(search, gallery, tmp_path):
    (gallery / "broken.png").write_bytes(b"no image")
    result = search()
    assert (result.made, len(result.failures), result.usable) == (4, 1, 4)
    assert rows(tmp_path, "failures")[0]["code"] == "unidentified"
    assert "broken.png" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(DataError, match="1 of 5"):
        result.check(max_failures=0.1)


def test_a_gallery_without_a_usable_image_is_an_error(search, gallery):
    for name in NAMES:
        (gallery / name).write_bytes(name.encode())
    with pytest.raises(DataError, match="no usable image"):
        search()


def test_a_broken_query_is_an_error(search, tmp_path):
    (tmp_path / "query.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"query\.png"):
        search()


def test_numbers_that_are_not_finite_cost_their_image_alone(search, monkeypatch):
    embed = ImageEncoder.embed

    def blind(self, pixels):
        found = embed(self, pixels)
        return found.where((found[:, 2:] <= 0).expand_as(found), float("nan"))

    monkeypatch.setattr(ImageEncoder, "embed", blind)
    result = search()
    assert [each.code for each in result.failures] == ["non_finite"]
    assert [each.image for each in result.document.pairs] == [NAMES[0], NAMES[1], NAMES[3]]


def test_names_from_outside_are_shown_as_text(search, gallery, tmp_path):
    name = "<b>&{{7*7}}.png"
    (gallery / NAMES[0]).rename(gallery / name)
    search()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<b>&{{" not in page
    assert "&lt;b&gt;&amp;{{7*7}}.png" in page


def test_the_model_stays_as_it_was(tmp_path, gallery):
    from seewhy.models.guard import fingerprint
    from seewhy.similarity.asking import asked_pairs

    encoder = colour_encoder()
    encoder.module.train()
    before = fingerprint(encoder.module)
    images = [one_image(open_places([gallery / name]), wanted="one") for name in NAMES[:2]]
    explain_pair(asked_pairs(encoder, quick()), tuple(images), tmp_path / "out", quick())
    assert fingerprint(encoder.module) == before
