import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from markupsafe import Markup

from seewhy.report.page import Page, Section, fragment, picture_uri

HOSTILE = '"><script>alert(1)</script>\u202e{{7*7}}</style></title>'


def page(text="A title", **changes):
    fields = {
        "title": text,
        "subtitle": text,
        "footer": text,
        "kind": text,
        "opening": Markup("<p>the <b>opening</b></p>"),
        "sections": (
            Section(text, Markup("<p>first</p>"), lead=text),
            Section(text, Markup("<p>second</p>"), folded=True, lead=text),
            Section(text, Markup("<p>third</p>"), folded=True),
        ),
    }
    return Page(**(fields | changes))


class Elements(HTMLParser):
    """All elements with their attributes, and all ids."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_texts_add_no_element_and_no_attribute():
    kinds = [
        [(tag, sorted(attributes)) for tag, attributes in Elements(made.to_html()).found]
        for made in (page(), page(HOSTILE))
    ]
    assert kinds[0] == kinds[1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e{{7*7}}" in page(HOSTILE).to_html()


def test_the_policy_allows_data_pictures_and_this_style_alone():
    html = page().to_html()
    (policy,) = [m["content"] for m in Elements(html).all("meta") if "http-equiv" in m]
    (style,) = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_is_loaded_and_nothing_runs():
    html = page().to_html()
    elements = Elements(html)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {
        t for t, _ in elements.found
    }
    assert "url(" not in html
    assert "@import" not in html
    for _, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("href", "#").startswith("#")
        assert "src" not in attributes


def test_every_link_of_the_page_has_its_place():
    elements = Elements(page().to_html())
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in elements.all("a")} <= set(ids)
    assert {section["aria-labelledby"] for section in elements.all("section")} <= set(ids)
    assert elements.all("html") == [{"lang": "en"}]


def test_sections_come_in_order_and_fold_when_asked():
    html = page().to_html()
    assert html.index("the <b>opening</b>") < html.index("<p>first") < html.index("<p>second")
    assert len(Elements(html).all("details")) == 2


def test_optional_texts_leave_no_trace():
    bare = Page("Title", ()).to_html()
    assert 'class="subtitle"' not in bare
    assert "<footer" not in bare


def test_equal_pages_are_equal_files(tmp_path):
    first, second = (page().write(tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes() == page().to_html().encode()


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:image/svg+xml;base64,AAAA",
        'data:image/png;base64,AA" onerror="x',
        "data:image/png;base64,AAAA\n",
        "https://example.org/a.png",
        "",
    ],
)
def test_only_png_data_is_a_picture(uri):
    assert picture_uri(uri) == ""


def test_a_png_data_uri_stays():
    assert picture_uri("data:image/png;base64,iVBORw0KGgo=") == "data:image/png;base64,iVBORw0KGgo="


def test_templates_are_strict():
    with pytest.raises(UndefinedError):
        fragment("page.html.j2")
    with pytest.raises(TemplateNotFound):
        fragment("../page.py")


def test_the_sheet_follows_theme_paper_and_motion():
    html = page().to_html()
    for feature in ("prefers-color-scheme: dark", "@media print", "prefers-reduced-motion"):
        assert feature in html
