from itertools import pairwise

import numpy as np
import pytest
from tests.report.test_grids import HOSTILE, pixels, solid, texts_of

from seewhy.base.errors import UsageError
from seewhy.report.grids import ColourBar, Panel
from seewhy.report.sentences import TitledPanel, sentence_figure

WORDS = ("[start]", "a", "red", "circle", "[end]")
BAR = ColourBar(solid(128, 128, 128, height=1, width=9), -0.5, 0.5)
RED, YELLOW, CYAN = (198, 40, 40), (245, 213, 71), (98, 217, 232)


def figure_of(words=WORDS, places=None, titles=("the sentence",), **options):
    panels = [TitledPanel(title, Panel(solid(9, 9, 9))) for title in titles]
    return sentence_figure(panels, words, places=places or {}, bar=BAR, **options)


def centre(found, colour):
    return np.argwhere((found == colour).all(axis=-1)).mean(axis=0)


def test_words_stand_in_their_order_and_three_are_marked():
    figure = figure_of(places={3: 0, 0: 1, 2: 2}, titles="abcd")
    found = pixels(figure)
    shown = [text.get_text() for text in figure.axes[-1].texts]
    assert shown == ["[start] · 2nd", "a", "red · 3rd", "circle · 1st", "[end]"]
    first, second, third = (centre(found, colour) for colour in (RED, YELLOW, CYAN))
    assert second[1] < third[1] < first[1]
    assert first[0] == pytest.approx(second[0], abs=2) == pytest.approx(third[0], abs=2)


def test_nothing_is_marked_without_places():
    found = pixels(figure_of())
    assert not any((found == colour).all(axis=-1).any() for colour in (RED, YELLOW, CYAN))


def test_a_panel_carries_the_mark_of_its_place():
    panels = [
        TitledPanel("circle", Panel(solid(9, 9, 9)), place=0),
        TitledPanel("b", Panel(solid(7, 7, 7))),
    ]
    figure = sentence_figure(panels, (), places={}, bar=BAR)
    assert figure.axes[0].get_title() == "1st: circle"
    assert figure.axes[1].get_title() == "b"
    assert (pixels(figure) == RED).all(axis=-1).any()


def test_long_sentences_take_more_lines_and_no_word_leaves_the_figure_or_covers_another():
    words = [f"word{number}" for number in range(75)]
    figure = figure_of(words, {5: 0, 40: 1, 74: 2})
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[-1].texts]
    width, height = figure.bbox.size
    assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= height for box in boxes)
    for one, other in pairwise(boxes):
        assert one.x1 < other.x0 or other.y1 < one.y0
    assert figure.get_figheight() > figure_of(words[:3]).get_figheight()


def test_marks_can_be_read():
    """WCAG asks for a contrast of 4.5 between text and ground."""
    figure = figure_of(places={1: 0, 2: 1, 3: 2})
    for text in figure.axes[-1].texts:
        ground = (
            (1, 1, 1) if text.get_bbox_patch() is None else text.get_bbox_patch().get_facecolor()
        )
        light, dark = sorted((luminance(ground), luminance(text.get_color())), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour):
    from matplotlib.colors import to_rgb

    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_any_text_is_drawn_as_it_is_in_every_place():
    figure = figure_of(HOSTILE, {0: 0, 2: 1, 12: 2}, titles=HOSTILE, title="".join(HOSTILE[:8]))
    figure.canvas.draw()
    shown = " ".join(texts_of(figure))
    assert not any(letter in shown for letter in "\0\x1b\u202e\ud800漢")
    assert max(map(len, texts_of(figure))) < 120
    for text in HOSTILE[:5]:
        assert shown.count(text) == 3


@pytest.mark.parametrize(("titles", "places"), [((), {}), (("a",), {0: 3}), (("a",), {0: -1})])
def test_what_cannot_be_drawn_is_refused(titles, places):
    with pytest.raises(UsageError, match="places from 0 to 2"):
        figure_of(titles=titles, places=places)
