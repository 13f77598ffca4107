import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.mapping.examples import (
    HOSTILE,
    TEXTS,
    any_text_encoder,
    folder_of,
    question,
    quick,
    scene,
)

from seewhy.base.errors import DataError, UsageError
from seewhy.data.places import open_places
from seewhy.mapping.images import Writer
from seewhy.mapping.run import map_images
from seewhy.methods.text_maps.method import TextMapMethod
from seewhy.methods.text_maps.reading import TextMaps, defined_where
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.models.tiny import SIDE, tiny_dual_encoder
from seewhy.passes.store import Store
from seewhy.results.explanation import load_explanation


@pytest.fixture(scope="module")
def encoder():
    return tiny_dual_encoder("vit")


@pytest.fixture
def place(tmp_path):
    return folder_of(tmp_path / "in")


@pytest.fixture
def run(encoder, place, tmp_path):
    """Maps all images of the folder; returns the result."""

    def call(settings=None, texts=TEXTS, encoder=encoder, output="out"):
        settings = settings or quick()
        asked = question(encoder, texts, settings)
        return map_images(asked, open_places([place]), tmp_path / output, settings)

    return call


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def size_of(path):
    with Image.open(path) as image:
        image.load()
        return image.size


def rows(folder):
    import pyarrow.parquet

    return pyarrow.parquet.read_table(folder / "maps.parquet").to_pylist()


def test_every_image_gets_its_maps_arrays_and_rows(run, tmp_path, encoder):
    result = run(quick(methods=("raw", "maskclip"), batch_size=2))
    assert (result.made, result.kept, result.failures) == (3, 0, ())
    found = rows(tmp_path / "out")
    assert [(each["image"], each["text"], each["method"]) for each in found] == [
        (f"image {number}.png", text, method)
        for number in range(3)
        for text in TEXTS
        for method in ("raw", "maskclip")
    ]
    for each in found:
        home = tmp_path / "out" / each["folder"]
        assert size_of(home / each["picture"]) == (40, 30)
        explanation = load_explanation(home / f"{each['method']}.safetensors")
        part = explanation.parts[TEXTS.index(each["text"])]
        assert (part.values.min(), part.values.max()) == (each["low"], each["high"])
        assert explanation.parts[-1].scores[TEXTS.index(each["text"])] == each["similarity"]


def test_the_figures_are_those_of_the_method_itself(run, tmp_path, encoder):
    run()
    asked = question(encoder)
    (method,) = asked.methods
    (direct,) = method.explain(encoder, [scene(1)], TEXTS, prompts=asked.prompts)
    (found,) = (
        each
        for each in rows(tmp_path / "out")
        if each["image"] == "image 1.png" and each["text"] == TEXTS[1]
    )
    assert found["high"] == pytest.approx(float(direct.parts[1].values.max()), abs=1e-5)
    row, col = np.unravel_index(direct.parts[1].values.argmax(), (4, 4))
    assert (found["x"], found["y"]) == (int((col + 0.5) * 10), int((row + 0.5) * 7.5))


def test_a_second_run_keeps_everything_and_writes_the_same(run, tmp_path, monkeypatch):
    run()
    before = contents(tmp_path / "out")
    monkeypatch.setattr(TextMapMethod, "explain", lambda *_, **__: pytest.fail("asked again"))
    result = run()
    assert (result.made, result.kept) == (0, 3)
    assert contents(tmp_path / "out") == before


def test_runs_into_different_folders_write_the_same(run, tmp_path):
    run(output="a")
    run(quick(batch_size=1), output="b")
    first, second = (contents(tmp_path / name) for name in ("a", "b"))
    assert first.keys() == second.keys()
    pictures = [name for name in first if name.endswith((".png", ".html", ".csv"))]
    assert len(pictures) > 9
    run(output="c")
    assert contents(tmp_path / "c") == first


def test_a_run_that_was_killed_goes_on_where_it_was(run, tmp_path, monkeypatch):
    whole = contents_of_whole(run, tmp_path)
    write, written = Writer.write, []

    def killed(self, taken, explanations):
        if len(written) == 1:
            folder = tmp_path / "out" / "images" / "left-over"
            folder.mkdir()
            raise KeyboardInterrupt
        written.append(taken.id)
        return write(self, taken, explanations)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert not (tmp_path / "out" / "report.html").exists()
    result = run()
    assert (result.made, result.kept) == (2, 1)
    assert contents(tmp_path / "out") == whole


def contents_of_whole(run, tmp_path):
    run(output="whole")
    return contents(tmp_path / "whole")


def test_what_was_changed_is_made_again_and_the_rest_is_kept(run, tmp_path, place):
    run()
    scene(9).save(place / "image 1.png")
    victim = next((tmp_path / "out" / "images").glob("image-2-*/raw-*.png"))
    victim.write_bytes(b"damaged")
    result = run()
    assert (result.made, result.kept) == (2, 1)
    assert size_of(victim) == (40, 30)


@pytest.mark.parametrize(
    "changes",
    [{"methods": ("maskclip",)}, {"scaling": "min-max"}, {"frame": "image"}, {"arrays": False}],
)
def test_another_question_or_form_makes_all_again_and_clears_the_old(run, tmp_path, changes):
    run()
    result = run(quick(**changes))
    assert (result.made, result.kept) == (3, 0)
    run(quick(**changes), output="fresh")
    fresh, found = contents(tmp_path / "fresh"), contents(tmp_path / "out")
    assert found == fresh


def test_other_weights_make_all_again(run):
    run()
    assert run(encoder=tiny_dual_encoder("vit", seed=3)).made == 3


def test_an_image_that_cannot_be_used_costs_no_other(run, tmp_path, place):
    (place / "broken.png").write_bytes(b"no image")
    result = run()
    assert (result.made, [each.code for each in result.failures]) == (3, ["unidentified"])
    assert "broken.png" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    result.check(max_failures=0.25)
    with pytest.raises(DataError, match=r"1 of 4 images .*'broken.png', unidentified"):
        result.check(max_failures=0.2)


def test_when_all_fail_no_share_is_large_enough(run, place):
    for path in place.iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        run().check(max_failures=1.0)
    assert caught.value.code == "all_failed"


def test_maps_that_no_file_can_hold_cost_their_image_alone(run, place, monkeypatch):
    monkeypatch.setattr("seewhy.mapping.drawing.MAX_FILE_BYTES", 2 * 30 * 40 * 4 + 1)
    scene(5, width=41).save(place / "wide.png")
    result = run(quick(frame="image"))
    assert result.made == 3
    assert [(each.id, each.code) for each in result.failures] == [("wide.png", "too_large")]


def blind_to(monkeypatch, picture, change):
    """Change what `explain` finds in the images equal to a picture."""
    maps, preprocess = ClipSurgery.maps, tiny_dual_encoder("vit").preprocess
    shown = preprocess(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))

    def changed(self, encoder, pixels, asked):
        found = maps(self, encoder, pixels, asked)
        is_it = torch.tensor([torch.equal(each, shown) for each in pixels])
        return change(found, is_it)

    monkeypatch.setattr(ClipSurgery, "maps", changed)


def test_numbers_that_are_not_finite_cost_their_image_alone(run, tmp_path, monkeypatch):
    def broken(found, is_it):
        return TextMaps(found.maps, torch.where(is_it[:, None], torch.nan, found.whole))

    blind_to(monkeypatch, scene(1), broken)
    result = run()
    assert result.made == 2
    assert [(each.id, each.code) for each in result.failures] == [("image 1.png", "non_finite")]
    assert {each["image"] for each in rows(tmp_path / "out")} == {"image 0.png", "image 2.png"}


def test_a_text_without_gradient_has_no_map_and_costs_no_other(run, tmp_path, monkeypatch):
    settings = quick(figures=True)
    run(settings, output="usual")

    def unreached(found, is_it):
        is_defined = ~(is_it[:, None] & torch.tensor([True, False]))
        return defined_where(is_defined, found.maps, found.whole)

    blind_to(monkeypatch, scene(1), unreached)
    result = run(settings)
    assert (result.made, result.failures) == (3, ())
    usual, found = rows(tmp_path / "usual"), rows(tmp_path / "out")
    assert found[:2] + found[3:] == usual[:2] + usual[3:]
    lacking = dict.fromkeys(("low", "high", "x", "y"))
    assert {name: found[2][name] for name in lacking} == lacking
    assert found[2]["similarity"] == usual[2]["similarity"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("no gradient, so no map") == 1


def test_at_most_a_batch_of_images_is_asked_about_at_once(run, monkeypatch):
    explain, sizes = TextMapMethod.explain, []

    def counted(self, encoder, images, *arguments, **options):
        sizes.append(len(images))
        return explain(self, encoder, images, *arguments, **options)

    monkeypatch.setattr(TextMapMethod, "explain", counted)
    run(quick(batch_size=2))
    assert sizes == [2, 1]


def test_hostile_texts_and_names_stay_texts_and_names(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for name in ("<b>{{7*7}}$x_{.png", "-o.png", "\x1b[31m\u202e.png", "漢字 =cmd().png"):
        scene().save(place / name, format="PNG")
    asked = question(any_text_encoder(), HOSTILE)
    result = map_images(asked, open_places([place]), tmp_path / "out", quick())
    assert (result.made, result.failures) == (4, ())
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>{{" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{7*7}}" in page
    assert not any(letter in page for letter in "\x1b\0\u202e")
    written = [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*")]
    assert all(str(path).isascii() and ".." not in path.parts for path in written)
    assert {each["text"] for each in rows(tmp_path / "out")} == set(HOSTILE)
    assert json.loads((tmp_path / "out" / "maps.json").read_bytes())["texts"] == list(HOSTILE)


def test_the_model_is_left_as_it_was(run, encoder):
    from seewhy.models.guard import fingerprint

    before = fingerprint(encoder.module)
    run(quick(methods=("raw", "maskclip")))
    assert fingerprint(encoder.module) == before


def test_a_folder_in_use_is_refused(run, tmp_path):
    with (
        Store(tmp_path / "out" / "texts").in_use(),
        pytest.raises(UsageError, match="in use by another run"),
    ):
        run()


def test_an_output_that_is_a_file_or_a_link_is_refused(run, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        run()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(UsageError, match="symbolic link"):
        run(output="link")


def test_the_published_look_needs_maps_from_0_to_1(run, tmp_path):
    with pytest.raises(UsageError, match="scaling 'min-max'"):
        run(quick(look="published"))
    run(quick(look="published", scaling="min-max"))
    found = {(each["low"], each["high"]) for each in rows(tmp_path / "out")}
    assert found == {(0.0, 1.0)}


def test_the_document_says_what_was_asked(run, tmp_path):
    document = run().document
    assert json.loads((tmp_path / "out" / "maps.json").read_bytes()) == document.model_dump()
    assert document.texts == list(TEXTS)
    assert document.images == {"used": 3, "failed": 0}
    assert "batch_size" not in document.settings
    assert replace(question(), notes=()).digest() == document.question
