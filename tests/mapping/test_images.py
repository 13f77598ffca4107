import numpy as np
import pytest
from PIL import Image
from tests.mapping.examples import HOSTILE, any_text_encoder, question, quick, scene

from seewhy.mapping.entries import SEALS
from seewhy.mapping.images import FIGURE, THUMBNAIL, Writer, side_by_side
from seewhy.passes.image_folders import Taken
from seewhy.results.overlay import overlay, picture
from seewhy.results.seals import entry_folder


def written(tmp_path, texts=("red", "blue"), image=None, **changes):
    """One image through a writer: the entry, and where its files lie."""
    settings = quick(**changes)
    asked = question(any_text_encoder(), texts, settings)
    taken = Taken("a.png", "a" * 64, image or scene(), ("reduced",))
    answers = [
        method.explain(asked.encoder, [taken.image], asked.texts, prompts=asked.prompts)[0]
        for method in asked.methods
    ]
    entry = Writer(asked, settings, tmp_path).write(taken, answers)
    return entry, entry_folder(tmp_path, "a.png"), answers


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_entry_seals_exactly_the_files_that_are_there(tmp_path):
    entry, folder, _ = written(tmp_path, methods=("raw", "maskclip"), figures=True)
    assert {each.name for each in entry.files} | {"maps.json"} == {
        path.name for path in folder.iterdir()
    }
    assert {FIGURE, THUMBNAIL, "raw.safetensors", "maskclip-blue.png"} <= {
        each.name for each in entry.files
    }
    assert SEALS.kept(folder, "a" * 64) == entry
    assert (entry.width, entry.height, entry.notes) == (40, 30, ["reduced"])


def test_a_picture_is_the_map_over_the_image_on_the_scale_of_all_texts(tmp_path):
    entry, folder, ((explanation),) = written(tmp_path)
    largest = max(float(np.abs(part.values).max()) for part in explanation.parts[:2])
    grid = explanation.parts[1].values
    # Nearest patches are enough here: a corner pixel of the picture lies in the corner patch.
    corner = overlay(picture(scene())[:1, :1], grid[:1, :1].astype(float), scale=largest)
    found = pixels(folder / entry.rows[1].picture)
    assert found.shape == (30, 40, 3)
    assert (found[0, 0] == corner[0, 0]).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2000, 100)])
def test_images_of_any_shape_have_pictures(tmp_path, size):
    entry, folder, _ = written(tmp_path, image=scene().resize(size), figures=True)
    width, height = size
    shown = pixels(folder / entry.rows[0].picture).shape
    assert shown == ((51, 1024, 3) if width == 2000 else (height, width, 3))
    assert all(0 <= row.x < width and 0 <= row.y < height for row in entry.rows)


def test_what_the_model_was_not_shown_is_dark_and_counts_nowhere(tmp_path):
    image = scene(width=96, height=32)
    entry, folder, _ = written(tmp_path, image=image, framing="model")
    found = pixels(folder / entry.rows[0].picture)
    outside = np.r_[0:32, 64:96]
    assert (found[:, outside] == np.rint(np.asarray(image)[:, outside] * 0.35)).all()
    assert all(32 <= row.x < 64 for row in entry.rows)


def test_a_figure_has_a_row_per_text_and_a_column_per_method(tmp_path):
    settings = quick(methods=("raw", "maskclip"))
    figure = figure_of(["$x_{", "漢字", "word " * 40], settings)
    texts = [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]
    assert {"image", "raw", "maskclip", "$x_{", "a.png"} <= set(texts)
    assert sum(len(axes.images) for axes in figure.axes) == 3 * 3 + 2
    assert sum(text.startswith("from ") for text in texts) == 3 * 2


def test_a_figure_of_many_texts_shows_the_first_and_says_so():
    figure = figure_of([f"text {number}" for number in range(14)], quick())
    assert figure.get_suptitle() == "a.png · the first 12 of 14 texts"
    assert sum(len(axes.images) for axes in figure.axes) == 12 * 2 + 1


def figure_of(texts, settings):
    from seewhy.mapping.drawing import looked

    asked = question(any_text_encoder(), texts, settings)
    image = scene()
    found = [
        looked(
            method.explain(asked.encoder, [image], asked.texts, prompts=asked.prompts)[0],
            method, asked.encoder, size=image.size,
        )
        for method in asked.methods
    ]  # fmt: skip
    return side_by_side(Taken("a.png", "a" * 64, image), found, settings)


def test_hostile_texts_have_files_of_their_own(tmp_path):
    entry, folder, _ = written(tmp_path, texts=HOSTILE, arrays=False)
    names = [row.picture for row in entry.rows]
    assert len({name.lower() for name in names}) == len(HOSTILE)
    assert all((folder / name).is_file() and name.startswith("raw-") for name in names)
