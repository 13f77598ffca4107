import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.report.figures import figure_bytes
from seewhy.report.matrices import matrix_figure

VALUES = np.array([[0.9, 0.1, 0.0], [0.05, 0.15, 0.8]])


def texts(figure):
    (axes,) = figure.axes
    return [each.get_text() for each in axes.texts]


def test_shares_of_a_tenth_or_more_are_written_down():
    assert texts(matrix_figure(VALUES, ["a", "b"], ["x", "y", "z"])) == ["90", "10", "15", "80"]


def test_rows_go_down_columns_across_and_marks_frame_their_cell():
    (axes,) = matrix_figure(VALUES, ["a", "b"], ["x", "y", "z"], marks={1: 2}).axes
    assert [each.get_text() for each in axes.get_yticklabels()] == ["a", "b"]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["x", "y", "z"]
    (frame,) = axes.patches
    assert frame.get_xy() == (1.5, 0.5)
    red, green, blue = axes.images[0].get_array()[0, 2]
    assert (red, green, blue) == (1, 1, 1)


def test_words_from_outside_are_text():
    figure = matrix_figure(VALUES, ["$\\frac", "\u202e"], ["x", "😀", "z"], title="$x$")
    assert figure_bytes(figure, "png").startswith(b"\x89PNG")


def test_equal_figures_give_equal_bytes():
    first, second = (matrix_figure(VALUES, ["a", "b"], ["x", "y", "z"]) for _ in range(2))
    assert figure_bytes(first, "png") == figure_bytes(second, "png")


@pytest.mark.parametrize("values", [VALUES.T, np.zeros((0, 3))])
def test_names_that_do_not_fit_are_refused(values):
    with pytest.raises(UsageError, match="a name for each"):
        matrix_figure(values, ["a", "b"], ["x", "y", "z"])
