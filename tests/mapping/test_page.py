import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mapping.examples import any_text_encoder, folder_of, question, quick

from seewhy.data.places import open_places
from seewhy.data.records import Failure
from seewhy.mapping import page
from seewhy.mapping.document import MapsDocument
from seewhy.mapping.page import compose_page, gallery
from seewhy.mapping.run import map_images
from seewhy.report.gallery import spread

COUNT = 6


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """An output folder of six images, two texts and two methods."""
    place = tmp_path_factory.mktemp("gallery")
    settings = quick(methods=("raw", "maskclip"), arrays=False)
    asked = question(any_text_encoder(), ["red", "<b>blue</b>"], settings)
    map_images(asked, open_places([folder_of(place / "in", COUNT)]), place / "out", settings)
    return place / "out"


IMAGES = [f"image {number}.png" for number in range(COUNT)]


@pytest.fixture(scope="module")
def document(output):
    return MapsDocument.model_validate(json.loads((output / "maps.json").read_bytes()))


def html(document, cards=(), failures=(), **changes):
    return compose_page(document.model_copy(update=changes), cards, failures).to_html()


@given(count=st.integers(0, 200))
def test_the_spread_is_a_permutation(count):
    assert sorted(spread(count)) == list(range(count))


@given(count=st.integers(2, 500), shown=st.integers(1, 64))
def test_every_beginning_of_the_spread_is_even(count, shown):
    chosen = sorted([*spread(count)][:shown])
    if len(chosen) == shown < count:
        gaps = [after - before for before, after in pairwise([-1, *chosen, count])]
        assert max(gaps) <= 4 * count / shown + 1


def test_every_image_is_in_the_gallery_with_its_maps_text_by_text(output):
    cards = gallery(output, IMAGES)
    assert [card.entry.image for card in cards] == IMAGES
    order = [(each.row.text, each.row.method) for each in cards[0].pictures]
    assert order == [
        ("red", "raw"), ("red", "maskclip"), ("<b>blue</b>", "raw"), ("<b>blue</b>", "maskclip"),
    ]  # fmt: skip


def test_a_gallery_keeps_to_its_budget_and_says_what_it_left_out(output, document):
    cards = gallery(output, IMAGES)
    budget = cards[0].weight + cards[4].weight + 10
    few = gallery(output, IMAGES, budget=budget)
    assert sum(card.weight for card in few) <= budget
    assert 1 <= len(few) < COUNT
    assert f"{len(few)} of 6 images are shown, spread evenly" in html(document, few)
    assert "images are shown" not in html(document, cards)


def test_one_card_is_shown_even_beyond_the_budget(output):
    assert len(gallery(output, IMAGES, budget=1)) == 1


def test_a_card_has_room_for_some_maps_and_says_where_the_others_are(output, document, monkeypatch):
    monkeypatch.setattr(page, "MOST_PICTURES", 3)
    cards = gallery(output, IMAGES)
    assert [len(card.pictures) for card in cards] == [3] * COUNT
    assert "1 further maps lie in <code>images/image-0-png-" in html(document, cards)


def test_the_number_of_cards_is_bounded(output, monkeypatch):
    monkeypatch.setattr(page, "MOST_CARDS", 2)
    assert [card.entry.image for card in gallery(output, IMAGES)] == [IMAGES[0], IMAGES[4]]


def test_the_page_is_whole_and_its_texts_are_texts(output, document):
    text = html(document, gallery(output, IMAGES))
    assert "&lt;b&gt;blue&lt;/b&gt;" in text
    assert "<b>blue</b>" not in text
    assert len(re.findall(r'src="data:image/png;base64,', text)) == COUNT * (1 + 4)
    assert text == (output / "report.html").read_text(encoding="utf-8")


def test_failures_are_listed_and_counted(document):
    failures = [Failure(f"<i>{n}", "truncated", "ends {{early}}") for n in range(101)]
    text = html(document, failures=failures)
    assert "Images that could not be used" in text
    assert "&lt;i&gt;99" in text
    assert "&lt;i&gt;100" not in text
    assert "1 more are in" in text
    assert "Images that could not be used" not in html(document)


def test_reading_a_map_depends_on_the_settings(document):
    plain = html(document)
    assert "Red is above zero" in plain
    assert "stretched" not in plain
    settings = document.settings | {"look": "published", "scaling": "min-max", "framing": "model"}
    other = html(document, settings=settings)
    assert "Every text has a red place" in other
    assert "stretched from 0 to 1" in other
    assert "the model has not seen it" in other


def test_long_lists_are_cut(document):
    texts = [f"text {number}" for number in range(150)]
    text = html(document, texts=texts, others=["beside"], notes=[f"note {n}" for n in range(60)])
    assert "and 50 more" in text
    assert "10 further notes" in text
    assert "Beside other texts" in text
