import io

import numpy as np
import pytest
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.report.figures import figure_bytes
from seewhy.report.grids import ColourBar, Column, Panel, PictureRow, picture_grid

HOSTILE = (
    "<script>", "{{7*7}}", "$x_{", "$\\frac{", "=cmd()", "\x1b[31mred", "nul\0", "漢字",
    "مرحبا\u202e", "two\nlines", "word " * 400, "w" * 4000, " ", "\ud800",
)  # fmt: skip


def solid(*colour, height=20, width=30):
    return np.full((height, width, 3), colour, dtype=np.uint8)


def texts_of(figure):
    return [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure_bytes(figure, "png"))).convert("RGB"))


def row(name="red", *, panels=1, note=""):
    return PictureRow(name, tuple(Panel(solid(200, 0, 0)) for _ in range(panels)), note)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_drawn_as_it_is_in_every_place(text):
    panel = Panel(solid(0, 0, 0), caption=text)
    figure = picture_grid([PictureRow(text, (panel,), text)], [Column(text)], title=text)
    assert pixels(figure).size
    shown = " ".join(texts_of(figure))
    assert not any(letter in shown for letter in "\0\x1b\u202e\ud800漢")
    assert max(map(len, texts_of(figure))) < 120
    if text.startswith(("<", "{", "$", "=")):
        assert text in shown


def test_every_row_and_column_is_where_it_belongs():
    colours = [[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)]]
    rows = [
        PictureRow(f"row {n}", tuple(Panel(solid(*colour)) for colour in line))
        for n, line in enumerate(colours)
    ]
    found = pixels(picture_grid(rows, [Column("a"), Column("b")]))
    centres = {
        colour: np.argwhere((found == colour).all(axis=-1)).mean(axis=0)
        for line in colours
        for colour in line
    }
    for left, right in colours:
        assert centres[left][0] == pytest.approx(centres[right][0], abs=3)
        assert centres[left][1] < centres[right][1]
    for upper, lower in zip(*colours, strict=True):
        assert centres[upper][1] == pytest.approx(centres[lower][1], abs=3)
        assert centres[upper][0] < centres[lower][0]


def test_a_colour_bar_names_its_ends_and_its_middle():
    bar = ColourBar(solid(1, 2, 3, height=1, width=256), -0.5, 0.5)
    figure = picture_grid([row(panels=2)], [Column("image"), Column("raw", bar)])
    assert {"−0.5", "0", "0.5"} <= set(texts_of(figure))


def test_points_are_drawn_where_they_are():
    picture = solid(0, 0, 0, height=40, width=40)
    on, beside = np.array([[10, 5]]), np.array([[30, 35]])
    figure = picture_grid([PictureRow("x", (Panel(picture, on=on, beside=beside),))], [Column("")])
    (axes,) = (axes for axes in figure.axes if axes.images)
    offsets = [collection.get_offsets().tolist() for collection in axes.collections]
    assert sorted(offsets) == [[[10.0, 5.0]], [[30.0, 35.0]]]


@pytest.mark.parametrize(("height", "width"), [(1, 1000), (1000, 1), (1, 1)])
def test_strips_leave_room_for_their_text(height, width):
    picture = solid(9, 9, 9, height=height, width=width)
    figure = picture_grid([PictureRow("x", (Panel(picture, "a caption"),))], [Column("image")])
    assert 1 < figure.get_figheight() < 8


@pytest.mark.parametrize("rows", [[], [row(panels=2)]])
def test_rows_must_fit_the_columns(rows):
    with pytest.raises(UsageError, match="a panel for each column"):
        picture_grid(rows, [Column("image")])


def test_equal_figures_are_equal_files():
    first, second = (
        figure_bytes(picture_grid([row(note="n")], [Column("image")]), "png") for _ in range(2)
    )
    assert first == second
