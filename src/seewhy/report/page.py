"""One self-contained HTML page: strict policy, no script, nothing loaded, all data escaped."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seewhy.results.charts import bar_chart
from seewhy.results.files import write_text
from seewhy.results.markup import chart_styles, part_markup
from seewhy.results.text import number_text, percent_text, short_text, visible_text

IMAGE_BUDGET = 6_000_000
"""Characters of pictures that a page holds at most."""

_PNG_URI = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}", re.ASCII)


@dataclass(frozen=True)
class Section:
    """A titled part of a page; `body` is finished, escaped HTML. A folded one starts closed."""

    title: str
    body: Markup
    lead: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Page:
    """A title, what stands right below it, and the sections."""

    title: str
    sections: tuple[Section, ...]
    kind: str = "report"
    subtitle: str = ""
    opening: Markup = field(default_factory=Markup)
    footer: str = ""

    def to_html(self) -> str:
        """The whole document; equal pages give equal text."""
        styles = _page_styles()
        digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
        return str(
            fragment(
                "page.html.j2",
                page=self,
                styles=Markup(styles),
                policy=(
                    f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
                    "base-uri 'none'; form-action 'none'"
                ),
            )
        )

    def write(self, path: Path) -> Path:
        """Write the page whole or not at all."""
        return write_text(path, self.to_html())


def fragment(template: str, *, package: str = "seewhy.report", **values: Any) -> Markup:
    """Fill a template of a package, which may use the macros of this one, with values as data."""
    return Markup(_environment(package).get_template(template).render(**values))


def fact_text(value: object) -> str:
    """A setting in a line: text as it is, all else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short_text(text, 300)


def picture_uri(uri: str) -> str:
    """A PNG data URI as it came, or nothing when it is anything else."""
    return uri if _PNG_URI.fullmatch(uri) else ""


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("seewhy.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent_text, number=number_text, short=short_text, picture=picture_uri
    )
    environment.globals.update(bar=bar_chart, draw=part_markup)
    return environment


def _finalize(value: object) -> object:
    """Every text that a template prints shows its invisible characters; "86 %" never breaks."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible_text(value).replace(" %", "\u00a0%")
    return value


@cache
def _page_styles() -> str:
    sheet = resources.files("seewhy.report").joinpath("templates/page.css").read_text("utf-8")
    return chart_styles() + sheet
