import io
import re

import matplotlib as mpl
import pytest
from PIL import Image
from tests.results.examples import HOSTILE, curve, hostile_parts, scores

from seewhy.base.errors import UsageError
from seewhy.report.figures import Panel, draw_panels, figure_bytes, write_figure
from seewhy.results.palette import LIGHT


def test_panels_fill_rows_from_the_left():
    figure = draw_panels([Panel(scores()), Panel(curve()), Panel(curve())], columns=2)
    figure.canvas.draw()
    places = [axes.get_subplotspec().get_geometry()[2] for axes in figure.axes]
    assert places == [0, 1, 2]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Shares",
        "Similarity",
        "Similarity",
    ]


def test_colours_reach_the_part():
    figure = draw_panels([Panel(scores(), (4, 5, 6))])
    assert mpl.colors.to_hex(figure.axes[0].patches[0].get_facecolor()) == LIGHT[4]


def test_more_rows_make_a_taller_figure():
    one, two = (draw_panels([Panel(curve())] * count).get_figheight() for count in (1, 2))
    assert two == pytest.approx(2 * one)


def test_no_panel_is_an_empty_figure():
    assert draw_panels([]).axes == []


def test_a_title_is_text():
    figure = draw_panels([Panel(part) for part in hostile_parts()], title=HOSTILE)
    assert figure.get_suptitle().startswith('<script>alert("1")</script> $x_{')
    assert figure_bytes(figure, "png")[:4] == b"\x89PNG"


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_equal_figures_are_equal_files(kind):
    first, second = (figure_bytes(draw_panels([Panel(curve())]), kind) for _ in range(2))
    assert first == second


def test_pictures_hold_no_date_and_no_program():
    figure = draw_panels([Panel(scores())])
    assert Image.open(io.BytesIO(figure_bytes(figure, "png"))).info.keys() <= {"dpi"}
    svg = figure_bytes(figure, "svg").decode()
    assert not re.search(r"dc:date|dc:creator", svg)
    assert "<script" not in figure_bytes(draw_panels([Panel(hostile_parts()[1])]), "svg").decode()


def test_names_of_files_are_made_safe(tmp_path):
    png, svg = write_figure(draw_panels([Panel(scores())]), tmp_path, "../a figure")
    assert (png.parent, png.suffix, svg.suffix) == (tmp_path, ".png", ".svg")
    assert png.stem == svg.stem
    assert png.stem.startswith("a-figure-")


def test_a_link_is_not_written_through(tmp_path):
    (tmp_path / "shares.png").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="symbolic link"):
        write_figure(draw_panels([Panel(scores())]), tmp_path, "shares")
    assert not (tmp_path / "elsewhere").exists()
