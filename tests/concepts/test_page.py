import re

import pytest
from tests.concepts.examples import bank_file, encoder, labelled_folder, question, quick

from seewhy.concepts import page
from seewhy.concepts.document import FitLine, Interval
from seewhy.concepts.page import compose_page, gallery
from seewhy.concepts.run import explain_images
from seewhy.data.places import open_places
from seewhy.data.records import Failure


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An output folder of four images and one encoder, its document and its ids."""
    place = tmp_path_factory.mktemp("page")
    bank = bank_file(place)
    source = open_places([labelled_folder(place / "in", names=("a_dog", "<i>cat"))])
    settings = quick(bank=bank)
    asked = question(bank, [encoder()], settings, source.records, classes=("a dog", "<i>cat", "x"))
    result = explain_images(asked, source, place / "out", settings)
    return place / "out", result.document, [each.id for each in source.records]


def html(made, cards=None, failures=(), **changes):
    output, document, images = made
    cards = gallery(output, images) if cards is None else cards
    return compose_page(document.model_copy(update=changes), cards, failures).to_html()


def test_the_page_holds_pictures_words_lists_and_curves_of_every_image(made):
    output, _, images = made
    text = html(made)
    assert text == (output / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r'src="data:image/png;base64,', text)) == 2 * len(images)
    assert text.count('class="joined"') == len(images)
    for card in gallery(output, images):
        (each,) = card.readings
        for found in each.reading.found:
            assert found.text.replace("<", "&lt;").replace(">", "&gt;") in text
        assert [len(part.texts) for part in each.reading.parts]
    assert "By chance" in text


def test_texts_and_names_stay_texts(made):
    text = html(made)
    assert "<b>big" not in text
    assert "<i>cat" not in text
    assert "&lt;i&gt;cat" in text
    assert "style=" not in re.sub(r'style="aspect-ratio[^"]*"', "", text)


def test_one_image_has_no_comparison(made):

    text = html(made, [], images={"used": 1, "failed": 0})
    assert "What both sides share" not in text


def test_lines_through_encoders_are_told_in_words(made):
    bounds = Interval(value=0.5, low=None, high=None)
    line = FitLine(
        group="all", figure="area", encoders=3, slope=0.25, intercept=0.125, pearson=bounds,
        spearman=bounds,
    )  # fmt: skip
    assert "accuracy = 0.125 + 0.25 × AUC" in html(made, [], relations=[line])
    assert "accuracy = " not in html(made, [])


def test_a_gallery_keeps_to_its_budget_and_says_what_it_left_out(made, monkeypatch):
    output, _, images = made
    assert len(gallery(output, images, budget=1)) == 1
    monkeypatch.setattr(page, "MOST_CARDS", 2)
    few = gallery(output, images)
    assert [card.entry.image for card in few] == [images[0], images[2]]
    assert "2 of 4 images are shown, spread evenly" in html(made, few)


def test_failures_and_the_protocol_are_told(made):
    text = html(made, [], [Failure("<i>", "truncated", "ends early")])
    assert "Images that could not be used" in text
    assert "depend on the images beside it" not in text
    settings = made[1].settings | {"protocol": "published"}
    assert "depend on the images beside it" in html(made, [], settings=settings)
