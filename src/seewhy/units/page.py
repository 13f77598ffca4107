"""The page of units: the clearest ones with the images they answer to most, then all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seewhy.data.records import ImageRecord
from seewhy.methods.unit_naming.method import UnitNames
from seewhy.report.gallery import small_uri
from seewhy.report.page import IMAGE_BUDGET, Page, Section, fact_text, fragment
from seewhy.results.files import output_path
from seewhy.units.tables import unit_rows

MOST_CARDS, MOST_ROWS = 60, 1000
_SIDE = 112


@dataclass(frozen=True)
class Card:
    """A unit, its best texts with their scores, and the addresses of its strongest images."""

    row: Mapping[str, Any]
    texts: tuple[tuple[str, float], ...]
    uris: tuple[str, ...]

    @property
    def weight(self) -> int:
        """Characters of pictures."""
        return sum(map(len, self.uris))


def write_page(
    names: UnitNames,
    records: Mapping[str, ImageRecord],
    output: Path,
    *,
    document: Mapping[str, Any],
) -> Path:
    """Write `report.html`; `records` by id are where the pictures come from."""
    return compose_page(names, records, document).write(output_path(output, "report.html"))


def compose_page(
    names: UnitNames, records: Mapping[str, ImageRecord], document: Mapping[str, Any]
) -> Page:
    """The page, from the names, the records by id, and the run's document."""
    rows = list(unit_rows(names))
    counts = document["units"]
    facts = [(name, fact_text(value)) for name, value in document["settings"].items()]
    values = {
        "document": document,
        "cards": list(cards(names, rows, records)),
        "rows": rows[:MOST_ROWS],
        "left_out": max(len(rows) - MOST_ROWS, 0),
        "facts": facts,
        "versions": list(document["versions"].items()),
    }
    sections = (
        Section("What was asked", _filled("asked", values)),
        Section(
            "The clearest units",
            _filled("cards", values),
            lead="Units with a name come first, those far ahead of the next text before others. "
            "The pictures are the images on which a unit is strongest.",
        ),
        Section("Before you believe a name", _filled("reading", values)),
        Section("All units", _filled("rows", values), folded=True),
        Section("Settings and versions", _filled("settings", values), folded=True),
    )
    return Page(
        title="What units answer to",
        kind="units",
        subtitle=f"{counts['named']} of {counts['all']} units of {document['network']} at "
        f"{document['site']} have a name",
        sections=sections,
        footer="Made by seewhy; units.parquet and units.csv have every unit in figures.",
    )


def clearest(names: UnitNames) -> list[int]:
    """Units that speak, by corrected p-value, and those that are equal by their margin."""
    margins, chance = names.margin.tolist(), names.corrected.tolist()
    speaking = (~names.silent).nonzero()[:, 0].tolist()
    return sorted(speaking, key=lambda unit: (chance[unit], -margins[unit], unit))


def cards(
    names: UnitNames, rows: list[dict[str, Any]], records: Mapping[str, ImageRecord]
) -> Iterator[Card]:
    """The cards of the clearest units, as many as a page has room for."""
    budget, pictures = IMAGE_BUDGET, dict[str, str]()
    for unit in clearest(names)[:MOST_CARDS]:
        ids = [names.ids[number] for number in names.strongest[unit].tolist()]
        for identity in ids:
            pictures[identity] = pictures.get(identity) or small_uri(
                records[identity].read(), side=_SIDE
            )
        texts = zip(names.best[unit].tolist(), names.scores[unit].tolist(), strict=True)
        card = Card(
            rows[unit],
            tuple((names.texts[text], score) for text, score in texts),
            tuple(pictures[identity] for identity in ids),
        )
        budget -= card.weight
        if budget < 0:
            return
        yield card


def _filled(name: str, values: dict[str, object]) -> Any:
    return fragment(f"{name}.html.j2", package="seewhy.units", **values)
