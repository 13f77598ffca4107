"""One image: its maps drawn, measured and written into a folder of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seewhy.mapping.asking import Question
from seewhy.mapping.drawing import (
    Looked,
    colour_bar,
    framed,
    looked,
    positive_share,
    range_text,
    texts_shown,
)
from seewhy.mapping.entries import SEALS, ImageEntry, MapRow
from seewhy.mapping.settings import MapSettings
from seewhy.passes.image_folders import Taken
from seewhy.report.figures import figure_bytes
from seewhy.report.gallery import THUMBNAIL_SIDE
from seewhy.report.grids import ColourBar, Column, Panel, PictureRow, picture_grid
from seewhy.results.explanation import Explanation
from seewhy.results.files import safe_slug, write_bytes
from seewhy.results.overlay import Picture, overlay, picture, picture_size, png_bytes
from seewhy.results.seals import entry_folder, sealed_files
from seewhy.results.text import number_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE = "figure.png"
THUMBNAIL = "thumbnail.png"

_FIGURE_SIDE = 384
_FIGURE_TEXTS = 12


@dataclass(frozen=True)
class Writer:
    """Writes what a question came to for an image below an output folder."""

    question: Question
    settings: MapSettings
    output: Path

    def write(self, taken: Taken, explanations: Sequence[Explanation]) -> ImageEntry:
        """All files of an image, the seal last; one explanation per method, over the grid."""
        found = [
            looked(explanation, method, self.question.encoder, size=taken.image.size)
            for explanation, method in zip(explanations, self.question.methods, strict=True)
        ]
        arrays = [
            framed(explanation, each, self.settings.frame)
            for explanation, each in zip(explanations, found, strict=True)
            if self.settings.arrays
        ]
        folder = entry_folder(self.output, taken.id)
        SEALS.empty(folder)
        folder.mkdir(exist_ok=True)
        rows = list(self._rows(taken, found, folder))
        names = [*(row.picture for row in rows), THUMBNAIL]
        for explanation, each in zip(arrays, found, strict=False):
            names.append(explanation.save(folder / f"{each.method}.safetensors").name)
        if self.settings.figures:
            figure = side_by_side(taken, found, self.settings)
            names.append(write_bytes(folder / FIGURE, figure_bytes(figure, "png")).name)
        write_bytes(folder / THUMBNAIL, png_bytes(picture(taken.image, THUMBNAIL_SIDE)))
        entry = ImageEntry(
            key=taken.key,
            image=taken.id,
            width=taken.image.width,
            height=taken.image.height,
            notes=[*taken.notes, *_notes(rows)],
            rows=rows,
            files=sealed_files(folder, names),
        )
        SEALS.write(folder, entry)
        return entry

    def _rows(self, taken: Taken, found: Sequence[Looked], folder: Path) -> Iterator[MapRow]:
        shown = picture(taken.image)
        for number in range(len(self.question.texts)):
            for each in found:
                yield self._row(taken, each, number, drawn_on=shown, folder=folder)

    def _row(
        self, taken: Taken, found: Looked, number: int, *, drawn_on: Picture, folder: Path
    ) -> MapRow:
        text = found.texts[number]
        values = found.values(number, picture_size(taken.image.size))
        drawn = overlay(drawn_on, values, look=self.settings.look, scale=found.scale)
        path = write_bytes(folder / f"{found.method}-{safe_slug(text)}.png", png_bytes(drawn))
        x, y = found.place(number) or (None, None)
        low, high = found.ends(number) or (None, None)
        return MapRow(
            image=taken.id,
            text=text,
            method=found.method,
            similarity=float(found.whole[number]),
            low=low,
            high=high,
            x=x,
            y=y,
            positive=positive_share(values),
            picture=path.name,
        )


def _notes(rows: Sequence[MapRow]) -> list[str]:
    return ["no_gradient"] if any(row.low is None for row in rows) else []


def side_by_side(taken: Taken, found: Sequence[Looked], settings: MapSettings) -> "Figure":
    """A row per text: the image, then the map of each method over it, with the colours' values."""
    texts = found[0].texts[:_FIGURE_TEXTS]
    small = picture(taken.image, _FIGURE_SIDE)
    rows = [
        PictureRow(
            text,
            (Panel(small), *(_panel(each, number, small, settings) for each in found)),
            note=f"whole image: {number_text(float(found[0].whole[number]))}",
        )
        for number, text in enumerate(texts)
    ]
    columns = [Column("image"), *(Column(each.method, _bar(each, settings)) for each in found)]
    extra = texts_shown(found[0].texts, _FIGURE_TEXTS)
    return picture_grid(rows, columns, title=f"{taken.id} · {extra}" if extra else taken.id)


def _panel(found: Looked, number: int, shown: Picture, settings: MapSettings) -> Panel:
    height, width = shown.shape[:2]
    values = found.values(number, (width, height))
    drawn = overlay(shown, values, look=settings.look, scale=found.scale)
    return Panel(drawn, range_text(found.ends(number)))


def _bar(found: Looked, settings: MapSettings) -> ColourBar:
    high = 1.0 if settings.look == "published" else found.scale or 1.0
    is_signed = np.nan_to_num(found.maps).min() < 0 and settings.look != "published"
    return colour_bar(-high if is_signed else 0.0, high, look=settings.look)
