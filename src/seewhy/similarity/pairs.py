"""One pair: its maps drawn and linked, its readings written into a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from seewhy.base.errors import InternalError
from seewhy.methods.pairs.counterparts import cell_maps
from seewhy.methods.pairs.explaining import explain_pairs
from seewhy.models.placed_maps import over_image
from seewhy.passes.image_folders import Taken
from seewhy.report.gallery import THUMBNAIL_SIDE
from seewhy.results.explanation import Explanation
from seewhy.results.files import write_bytes
from seewhy.results.overlay import picture, png_bytes
from seewhy.results.parts import Heatmap
from seewhy.results.seals import entry_folder, sealed_files
from seewhy.similarity.asking import PairQuestion
from seewhy.similarity.drawing import Side, linked, over_picture, shown_image, side_by_side
from seewhy.similarity.entries import SEALS, MapReading, PairEntry, ViewReading
from seewhy.similarity.regions import Found, Peak, View, counterpart_of, peak_of
from seewhy.similarity.settings import PairSettings

PAIR, THUMBNAIL = "pair.png", "thumbnail.png"

Values = Float[np.ndarray, "_ _"]
Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, eq=False)
class Query:
    """The image that all others are held against."""

    id: str
    image: Image.Image


@dataclass(frozen=True)
class Writer:
    """Writes why images are alike to a query below an output folder."""

    question: PairQuestion
    query: Query
    settings: PairSettings
    output: Path

    def write_all(self, taken: Sequence[Taken]) -> list[PairEntry]:
        """All files of some pairs, which are explained together."""
        pairs = [(self.query.image, each.image) for each in taken]
        found = [
            explain_pairs(method, self.question.encoder, pairs, frame="input")
            for method in self.question.methods
        ]
        return [self._write(each, own) for each, *own in zip(taken, *found, strict=True)]

    def _write(self, taken: Taken, found: Sequence[Explanation]) -> PairEntry:
        """The seal is written last."""
        folder = entry_folder(self.output, taken.id)
        SEALS.empty(folder)
        folder.mkdir(exist_ok=True)
        pair = _Pair(self.question, (self.query.image, taken.image))
        write_bytes(folder / PAIR, png_bytes(side_by_side(*pair.shown)))
        write_bytes(folder / THUMBNAIL, png_bytes(picture(taken.image, THUMBNAIL_SIDE)))
        readings = [self._reading(pair, each, folder) for each in found]
        names = [PAIR, THUMBNAIL, *(each.picture for each in readings)]
        if self.settings.arrays:
            names += [self._saved(pair, each, folder) for each in found]
        entry = PairEntry(
            key=taken.key,
            image=taken.id,
            width=taken.image.width,
            height=taken.image.height,
            notes=list(taken.notes),
            query=self.query.id,
            similarity=_score(found[0]),
            readings=readings,
            files=sealed_files(folder, names),
        )
        SEALS.write(folder, entry)
        return entry

    def _reading(self, pair: "_Pair", explanation: Explanation, folder: Path) -> MapReading:
        name = explanation.provenance["method"]
        maps = _maps(explanation)
        values = [pair.over(side, maps[side], shown=True) for side in (0, 1)]
        peaks = [peak_of(each, share=self.settings.region) for each in values]
        found = [pair.counterpart(side, peaks[side]) for side in (0, 1)]
        sides = (
            _side(pair.shown[side], values[side], peaks[side], marked=found[1 - side])
            for side in (0, 1)
        )
        path = write_bytes(folder / f"map-{name}.png", png_bytes(linked(*sides)))
        first, second = (
            _view(maps[side], peaks[side], found[side], size=pair.images[side].size)
            for side in (0, 1)
        )
        notes = explanation.provenance.get("notes", "")
        return MapReading(
            method=name,
            first=first,
            second=second,
            notes=[notes] if notes else [],
            picture=path.name,
        )

    def _saved(self, pair: "_Pair", explanation: Explanation, folder: Path) -> str:
        if self.settings.frame == "image":
            parts = (
                replace(part, values=pair.over(side, part.values, shown=False), frame="image")
                for side, part in enumerate(explanation.parts)
                if isinstance(part, Heatmap)
            )
            explanation = replace(explanation, parts=tuple(parts))
        name = explanation.provenance["method"]
        return explanation.save(folder / f"map-{name}.safetensors").name


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two images, as pictures and as the encoder sees them."""

    question: PairQuestion
    images: tuple[Image.Image, Image.Image]

    @cached_property
    def shown(self) -> tuple[Picture, Picture]:
        first, second = map(shown_image, self.images)
        return first, second

    @cached_property
    def views(self) -> tuple[View, View]:
        """With the placement of the pictures."""
        first, second = (
            View(
                cell_maps(self.question.encoder, self.question.encoder.preprocess(image)),
                over_picture(self.question.placement(image.size), shown),
                image.size,
            )
            for image, shown in zip(self.images, self.shown, strict=True)
        )
        return first, second

    def over(self, side: int, values: Values, *, shown: bool) -> Values:
        """A map of the input over the picture, or over the image itself."""
        placement = self.question.placement(self.images[side].size)
        if shown:
            placement = over_picture(placement, self.shown[side])
        return over_image(torch.from_numpy(values.copy()), placement).numpy()

    def counterpart(self, side: int, peak: Peak | None) -> Found | None:
        """Of the region of one side in the other."""
        if peak is None or not self.question.has_maps:
            return None
        return counterpart_of(peak.mask, self.views[side], self.views[1 - side])


def _side(shown: Picture, values: Values, peak: Peak | None, *, marked: Found | None) -> Side:
    return Side(
        shown,
        values,
        mask=peak.mask if peak else None,
        peak=peak.at if peak else None,
        counterpart=marked.at if marked else None,
    )


def _view(
    values: Values, peak: Peak | None, found: Found | None, *, size: tuple[int, int]
) -> ViewReading:
    return ViewReading(
        low=float(values.min()),
        high=float(values.max()),
        region=peak.region(size) if peak else None,
        counterpart=found.counterpart if found else None,
    )


def _maps(explanation: Explanation) -> list[Values]:
    return [part.values for part in explanation.parts if isinstance(part, Heatmap)]


def _score(explanation: Explanation) -> float:
    if explanation.score is None:
        raise InternalError("an explanation of a pair has no similarity.")
    return explanation.score
