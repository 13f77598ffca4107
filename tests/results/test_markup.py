import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from tests.results.examples import (
    HOSTILE,
    curve,
    explanation,
    heatmap,
    hostile_parts,
    matches,
    picture,
    scores,
)

from seewhy.results.markup import MAX_ROWS, chart_styles, notebook_markup, part_markup
from seewhy.results.parts import Statement


class Collector(HTMLParser):
    """All elements, attributes and text of a fragment."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names, self.words, self.open = set(), set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.names.update(name for name, _ in attributes)
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.names.update(name for name, _ in attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("position", range(6))
def test_texts_from_outside_stay_text(position):
    part, harmless = hostile_parts()[position], explanation().parts[position]
    found, wanted = Collector(part_markup(part)), Collector(part_markup(harmless))
    assert (found.tags, found.names, found.open) == (wanted.tags, wanted.names, [])
    words = "".join(found.words)
    assert '<script>alert("1")</script>' in words
    assert not set("\x1b\u202e") & set(words)


def test_bars_carry_their_figures_as_text():
    words = Collector(part_markup(scores())).words
    assert "86 % " in words
    assert "80 to 90 %" in words
    assert words.count("– ") == 1


def test_bars_without_intervals():
    assert "to" not in Collector(part_markup(scores(low=None, high=None))).words
    assert "whisker" not in part_markup(scores(low=None, high=None))


def test_signed_scores_have_zero_in_their_scale():
    part = scores(
        names=("a", "b"), scores=np.array([-2.0, -1.0]), low=None, high=None, unit="score", title=""
    )
    html = part_markup(part)
    assert "−2" in html
    assert "<caption>" not in html


def test_colours_can_be_given():
    assert 'class="bar c5"' in part_markup(scores(), colours=[5, 6, 7])
    assert 'class="c5"' in part_markup(curve(), colours=[5, 6])


def test_long_names_stand_above_their_bars():
    assert 'class="bars"' in part_markup(scores())
    assert 'class="bars long"' in part_markup(scores(names=("a", "b", "c" * 30)))


def test_of_many_scores_the_highest_are_shown():
    size = MAX_ROWS + 10
    values = np.linspace(1, 0, size)
    values[0] = np.nan
    names = tuple(f"name {number}" for number in range(size))
    part = scores(names=names, scores=values, low=None, high=None)
    html = part_markup(part)
    assert html.count("<tr>") == MAX_ROWS
    assert ">name 0<" not in html
    assert f">name {MAX_ROWS}<" in html
    assert f"The {MAX_ROWS} highest of {size} are shown." in html


def test_an_empty_curve_says_so():
    empty = curve(positions=np.zeros(0), values=np.zeros((2, 0)), low=None, high=None, ticks=())
    assert "Similarity: nothing to draw." in part_markup(empty)


def test_matches_come_best_first():
    words = [word for word in Collector(part_markup(matches())).words if word.strip()]
    assert words[-12:] == [
        *("1", "conv2", "0", "0.9"),
        *("0", "conv1", "5", "0.5"),
        *("2", "conv2", "7", "–"),
    ]


def test_a_heatmap_is_a_picture_with_its_range_in_words():
    html = part_markup(heatmap())
    assert 'src="data:image/png;base64,' in html
    assert "aspect-ratio:3/2" in html
    words = "from −0.25 (blue) to 0.5 (red); 0 is white"
    assert words in Collector(html).words
    assert f'alt="{words}"' in html


def test_a_notebook_needs_no_other_style():
    html = notebook_markup(HOSTILE, -0.5, [Statement("a", "b")])
    assert chart_styles() in html
    assert "−0.5" in html
    assert "<script" not in html


def test_styles_load_nothing():
    assert "url(" not in chart_styles()
    assert "@import" not in chart_styles()
    assert "</" not in chart_styles()


def test_a_picture_holds_its_own_pixels():
    (address,) = re.findall(r'src="data:image/png;base64,([^"]+)"', part_markup(picture()))
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(address))))
    np.testing.assert_array_equal(found, picture().pixels)
