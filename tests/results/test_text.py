import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seewhy.results.text import number_text, percent_text, short_text, visible_text


@given(st.text(st.characters(codec=None)))
def test_nothing_invisible_remains(text):
    kept = visible_text(text)
    assert not {unicodedata.category(c) for c in kept if c not in "\u200c\u200d"} & {
        "Cc",
        "Cf",
        "Cs",
        "Cn",
        "Zl",
        "Zp",
    }
    kept.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_visible_letters_of_all_scripts_stay(text):
    assert visible_text(text) == text


def test_zero_width_joiners_stay():
    assert visible_text("👩\u200d🔬 می\u200cخواهم") == "👩\u200d🔬 می\u200cخواهم"


def test_escapes_name_the_letter():
    assert visible_text("a\x1b\u202e\ud800\n") == "a\\x1b\\u202e\\ud800\\n"


@given(st.text(), st.integers(2, 30))
def test_short_text_keeps_its_limit(text, limit):
    assert len(short_text(text, limit)) <= limit
    if len(visible_text(text)) <= limit:
        assert short_text(text, limit) == visible_text(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9999, ">99 %"),
        (0.001, "<1 %"),
        (-0.001, "−<1 %"),
        (0.824, "82 %"),
        (-0.06, "−6 %"),
    ],
)
def test_percentages(value, text):
    assert percent_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.12345, "0.123"),
        (-2.0, "−2"),
        (-3.1e-8, "−3.1 × 10⁻⁸"),
        (2e12, "2 × 10¹²"),
    ],
)
def test_numbers(value, text):
    assert number_text(value) == text
