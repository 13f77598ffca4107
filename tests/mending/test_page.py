import pytest
from tests.mending.examples import item, question

from seewhy.mending import page
from seewhy.mending.captions import CaptionedImages
from seewhy.mending.page import Card, Piece
from seewhy.mending.run import edit_captions
from seewhy.mending.wording import odds_text


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        (None, ""),
        (0.0, "1 times likelier"),
        (-0.6931471805599453, "2 times less likely"),
        (5.0, "148 times likelier"),
        (20.0, ">10,000 times likelier"),
        (-20.0, ">10,000 times less likely"),
    ],
)
def test_gains_are_told_in_words(gain, text):
    assert odds_text(gain) == text


def test_both_captions_stand_in_one_line(tmp_path):
    items = (item("red", "a green circle"), item("white", "a circle circle"))
    edit_captions(question(), CaptionedImages("two", items), tmp_path)
    cards = [page._card(tmp_path, each.record.id) for each in items]
    assert all(isinstance(each, Card) for each in cards)
    assert cards[0].pieces == [
        Piece("keep", "a"), Piece("old", "green"), Piece("new", "red"), Piece("keep", "circle"),
    ]  # fmt: skip
    new = [each.text for each in cards[1].pieces if each.kind != "old"]
    assert " ".join(new) == "a white circle"
    assert cards[0].gates == ("copy_gate", "context_gate")
    assert page._card(tmp_path, "nobody") is None


def test_a_single_caption_has_no_systematic_errors(tmp_path):
    edit_captions(question(), CaptionedImages("one", (item(),)), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Systematic errors" not in text
    assert "1 caption, edited by by heart" in text


def test_of_many_captions_those_that_changed_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("seewhy.mending.run.FEW", 1)
    monkeypatch.setattr(page, "FEW", 1)
    items = (item("red", "a green circle"), item("blue", "a blue circle"))
    edit_captions(question(), CaptionedImages("two", items), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of 2 captions are shown, spread evenly over those that changed" in text
    assert "<bdi>red.png</bdi>" in text
    assert "<bdi>blue.png</bdi></h3>" not in text
