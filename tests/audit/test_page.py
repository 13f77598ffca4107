import re
from html.parser import HTMLParser

import pytest
from tests.audit import documents
from tests.audit.documents import HOSTILE, share

from seewhy.audit import views
from seewhy.audit.changes import with_baseline
from seewhy.audit.page import compose_page, write_figures, write_page
from seewhy.audit.schema import AuditDocument, ClassRow
from seewhy.base.errors import InternalError

MAKERS = [
    documents.biased_document,
    documents.undecided_document,
    documents.compared_document,
    documents.hostile_document,
]
VOID = {"meta", "img", "br"}


class Reading(HTMLParser):
    """What a reader is shown, and the elements that carry it."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", "".join(self.words)).replace(" %", " %")

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def texts_of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(document):
    return Reading(compose_page(document).to_html())


def with_details(document, **changes):
    whole = document.details[0].model_copy(update=changes)
    return document.model_copy(update={"details": [whole]})


@pytest.mark.parametrize("maker", MAKERS)
def test_the_page_is_whole_and_loads_nothing(maker):
    reading = read(maker())
    tags = {tag for tag, _ in reading.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for _, attributes in reading.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("href", "#").startswith("#")
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
    ids = [attributes["id"] for _, attributes in reading.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_hostile_texts_add_no_element_and_no_attribute():
    used = [
        {(tag, name) for tag, attributes in read(maker()).elements for name in attributes}
        for maker in (documents.biased_document, documents.hostile_document)
    ]
    assert used[1] <= used[0]


def test_hostile_texts_are_shown_literally():
    text = read(documents.hostile_document()).text
    for name in ("script", "image", "template", "mathematics", "formula", "arabic", "emoji"):
        assert HOSTILE[name] in text
    assert not {"\x1b", "\x00", "\u202e", "\udcff"} & set(text)
    assert "\\x1b[31mred\\x1b[0m\\x00" in text
    assert "safe\\u202egnp.exe" in text


def test_the_verdict_comes_first_and_in_words():
    document = documents.biased_document()
    text = read(document).text
    (verdict,) = document.verdicts
    assert text.index("Decides by colour") < text.index(verdict.sentence)
    assert text.index(verdict.sentence) < text.index(verdict.next_steps[0])
    for words in ("83 points", "95 % interval 79 to 87", "0.0021", verdict.reason):
        assert words in text


def test_an_undecided_verdict_says_so():
    text = read(documents.undecided_document()).text
    assert "Undecided" in text
    assert "Decides by" not in text
    assert "The rows that vote do not agree" in text


def test_everything_measured_is_on_the_page():
    document = documents.biased_document()
    text = read(document).text
    (verdict,), (details,) = document.verdicts, document.details
    wanted = [
        *verdict.next_steps,
        *(control.expectation for control in verdict.controls),
        *(row.name for row in details.interventions),
        *details.accuracy,
        *(example.id for example in details.examples),
        *document.notes,
        *document.versions.values(),
        *document.hashes.values(),
        "398",
        "failures.parquet",
        "a photo of a red digit",
        "Published, and misleading alone.",
        "takes no part in the verdict",
    ]
    assert [words for words in wanted if words not in text] == []
    titles = [attributes for tag, attributes in read(document).elements if tag == "title"]
    assert len(titles) > 40


def test_pictures_are_the_thumbnails():
    document = documents.biased_document()
    shown = [attributes["src"] for attributes in read(document).texts_of("img")]
    examples = document.details[0].examples
    assert shown == [
        picture
        for example in examples
        for picture in (example.thumbnail, *(c.thumbnail for c in example.changed))
    ]
    assert all(attributes["alt"] for attributes in read(document).texts_of("img"))


def test_what_is_no_picture_is_not_loaded():
    reading = read(documents.hostile_document())
    assert reading.text.count("no picture") == 1


def test_decisions_that_change_are_marked():
    reading = read(documents.biased_document())
    flipped = [a for tag, a in reading.elements if tag == "figure" and a.get("class") == "flipped"]
    assert len(flipped) == 4 * 2


def test_two_models_stand_side_by_side():
    document = documents.compared_document()
    reading = read(document)
    cards = [a for tag, a in reading.elements if tag == "article" and "verdict" in a["class"]]
    assert len(cards) == 2
    for words in ("Decides by colour", "Decides by shape"):
        assert reading.text.count(words) == 1
    questions = views.evidence_rows(views.model_views(document, {}))
    assert [[row.model for row in rows] for rows in questions] == [
        ["biased.safetensors", "unbiased.safetensors"]
    ] * 5
    assert [rows[0].votes for rows in questions] == [True, True, False, False, False]


def test_pictures_stay_within_their_budget(monkeypatch):
    document = documents.biased_document()
    size = sum(
        len(e.thumbnail) + sum(len(c.thumbnail) for c in e.changed)
        for e in document.details[0].examples[:2]
    )
    monkeypatch.setattr(views, "IMAGE_BUDGET", size)
    (view,) = views.model_views(document, {})
    assert view.budget == size
    assert (len(view.examples), view.examples_left_out) == (2, 2)
    assert "2 further examples are left out" in read(document).text


def test_of_many_classes_the_worst_are_shown():
    rows = [
        ClassRow(name=f"class {n}", images=1, accuracy=share(n / 1000), shares={}, flipped={})
        for n in range(999, -1, -1)
    ]
    unknown = rows[0].model_copy(update={"accuracy": share(None), "name": "unknown"})
    document = with_details(documents.biased_document(), per_class=[unknown, *rows])
    text = read(document).text
    assert "class 199 " in text
    assert "class 200 " not in text
    assert "801 more are in audit.json" in text
    few = with_details(documents.biased_document(), per_class=[unknown, rows[0]])
    names = [row.name for row in views.model_views(few, {})[0].classes]
    assert names == ["class 999", "unknown"]


def test_class_shares_have_their_columns():
    row = documents.biased_document().details[0].per_class[0]
    rows = [
        row.model_copy(update={"shares": {"colour": share(0.77)}}),
        row.model_copy(update={"shares": {}, "flipped": {}, "name": "other"}),
    ]
    text = read(with_details(documents.biased_document(), per_class=rows)).text
    assert "Decisions due to colour" in text
    assert "77 %" in text
    assert "Decisions due to" not in read(documents.biased_document()).text
    unknown = [row.model_copy(update={"shares": {"colour": share(None)}})]
    document = with_details(documents.biased_document(), per_class=unknown)
    assert "Decisions due to" not in read(document).text


def test_the_cost_in_the_field_is_told():
    text = read(documents.biased_document()).text
    for words in (
        "If colour came with every class alike, accuracy would go from 90 % to 49 %, a loss of "
        "41 points (by changing pixels).",
        "41 points 37 to 45",
        "43 points 39 to 47",
        "Lost if colour parts",
        "38 points 34 to 42",
        "shape: the concepts always go together.",
    ):
        assert words in text
    nothing = {"colour": documents.field_loss(None)}
    text = read(with_details(documents.biased_document(), field=nothing)).text
    assert "colour: the concepts always go together." in text
    assert "came with every class alike, accuracy" not in text


def test_of_many_slices_the_worst_are_shown():
    document = documents.biased_document()
    row = document.details[0].slices[0]
    rows = [
        row.model_copy(update={"value": f"value {n}", "accuracy": share(n / 300), "flipped": {}})
        for n in range(299, -1, -1)
    ]
    unknown = row.model_copy(update={"value": "unlabelled", "accuracy": share(None)})
    text = read(with_details(document, slices=[unknown, *rows])).text
    assert "value 199 " in text
    assert "value 200 " not in text
    assert "101 more are in audit.json" in text
    text = read(with_details(document, slices=[unknown, row])).text
    assert text.index(f" {row.value} 199") < text.index("unlabelled")
    assert "grey: 40 % 36 to 44 %" in text


def test_what_changed_since_an_earlier_audit_is_told():
    both = documents.compared_document()
    earlier = both.model_copy(
        update={
            "verdicts": [both.verdicts[0].model_copy(update={"dominant": None})],
            "details": both.details[:1],
            "encoder": "<b>other</b>",
        }
    )
    text = read(with_baseline(both, earlier)).text
    for words in (
        "Since the earlier audit",
        "The encoder is not the same: <b>other</b> then, embedded:clip-resnet now.",
        "Not in the earlier audit: unbiased.safetensors.",
        "biased.safetensors: undecided then, colour now.",
        "Share of the decisions: colour 86 % 82 to 90 % 86 % 82 to 90 % no change",
        "Compared with the audit of 20 November 2026, 09:30 UTC",
        "Loss if colour parts from the class 41 points 37 to 45 41 points 37 to 45 no change",
    ):
        assert words in text
    assert "Loss if shape parts" not in text
    assert "Since the earlier audit" not in read(both).text


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"interventions": []}, "Change the image, watch the decision"),
        ({"examples": []}, "Images that carry the verdict"),
        ({"per_class": []}, "Class by class"),
        ({"slices": []}, "Slice by slice"),
        ({"field": {}}, "What it would cost in the field"),
        ({"layers": []}, "Inside the model"),
        ({"matching": []}, "How well the maps match"),
        ({"published": None}, "The published reading"),
    ],
)
def test_a_section_without_data_is_left_out(changes, title):
    document = documents.biased_document()
    assert title in read(document).text
    assert title not in read(with_details(document, **changes)).text


def bare_document():
    """An audit that could measure next to nothing."""
    document = documents.undecided_document()
    nothing = {
        "effect": None,
        "interval": None,
        "p_value": None,
        "shares": {"colour": share(None)},
        "next_steps": [],
        "evidence": [],
        "controls": [],
    }
    empty = {
        "accuracy": {},
        "interventions": [],
        "layers": [],
        "matching": [],
        "published": None,
        "per_class": [],
        "examples": [],
        "slices": [],
        "field": {},
    }
    return with_details(document, **empty).model_copy(
        update={
            "verdicts": [document.verdicts[0].model_copy(update=nothing)],
            "images": {"used": 1, "failed": 0, "probe": 0},
            "notes": [],
            "created": "some day",
        }
    )


def test_next_to_nothing_is_a_page_too(tmp_path):
    text = read(bare_document()).text
    for words in (
        "Read on 1 image with",
        "some day",
        "Every image could be used.",
        "Nothing needs to be done.",
        "No control was run.",
        "No row of evidence could take part in the verdict.",
        "No lead of one concept over another could be measured.",
    ):
        assert words in text
    assert [path.name for path in write_figures(bare_document(), tmp_path)] == [
        "shares.png",
        "shares.svg",
    ]


def test_a_published_reading_that_votes_is_not_said_to_stay_out():
    document = documents.biased_document()
    (verdict,) = document.verdicts
    rows = [row.model_copy(update={"votes": True}) for row in verdict.evidence]
    asked = document.model_copy(
        update={"verdicts": [verdict.model_copy(update={"evidence": rows})]}
    )
    assert (
        "carries the verdict here because the published protocol was asked for" in read(asked).text
    )


def test_many_notes_captions_and_values_are_cut_short():
    groups = {"g": {f"value {n}": [f"caption {m}" for m in range(9)] for n in range(150)}}
    document = documents.biased_document().model_copy(
        update={
            "notes": [f"note {n}." for n in range(60)],
            "groups": groups,
            "settings": {"list": list(range(500)), "text": "é"},
        }
    )
    text = read(with_details(document, layers=[])).text
    for words in ("10 further notes", "and 50 more values", "and 4 more", "[0, 1, 2"):
        assert words in text


def test_verdicts_and_details_must_belong_together():
    document = documents.compared_document()
    for wrong in (document.details[:1], document.details[::-1]):
        with pytest.raises(InternalError, match="different models"):
            compose_page(document.model_copy(update={"details": list(wrong)}))


@pytest.mark.parametrize("maker", MAKERS)
def test_equal_audits_give_equal_files(maker, tmp_path):
    first, second = (write_page(maker(), tmp_path / name) for name in "ab")
    assert first.name == "report.html"
    assert first.read_bytes() == second.read_bytes()


def test_a_page_survives_the_way_through_its_file():
    document = documents.hostile_document()
    again = AuditDocument.model_validate(document.model_dump())
    assert compose_page(again).to_html() == compose_page(document).to_html()


def test_the_page_is_small():
    assert len(compose_page(documents.compared_document()).to_html()) < 250_000


def test_figures_are_written_below_the_folder(tmp_path):
    paths = write_figures(documents.compared_document(), tmp_path)
    assert {path.parent for path in paths} == {tmp_path / "figures"}
    stages = [f"{name}-{k}" for name in ("similarity", "readable", "matching") for k in (1, 2)]
    assert sorted(path.name for path in paths) == sorted(
        f"{name}.{kind}" for kind in ("png", "svg") for name in ("shares", "interventions", *stages)
    )
    assert all(path.stat().st_size > 2000 for path in paths)


def test_hostile_figures_are_drawn(tmp_path):
    for path in write_figures(documents.hostile_document(), tmp_path):
        assert b"<script" not in path.read_bytes()
