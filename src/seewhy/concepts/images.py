"""One image: its parts drawn, its readings written into a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seewhy.base.errors import DataError, UsageError
from seewhy.concepts.asking import ConceptQuestion, Reader
from seewhy.concepts.drawing import labels_over, parts_over
from seewhy.concepts.entries import SEALS, ConceptEntry, Reading
from seewhy.concepts.reading import read_image
from seewhy.methods.mutual_knowledge.knowledge import SeenImage
from seewhy.passes.image_folders import Taken
from seewhy.report.gallery import THUMBNAIL_SIDE
from seewhy.results.files import write_bytes
from seewhy.results.overlay import picture, png_bytes
from seewhy.results.seals import entry_folder, sealed_files

THUMBNAIL = "thumbnail.png"
_SMALLEST_SIDE = 256

AnyPicture = UInt8[np.ndarray, "_ _ 3"]


def _seen(reader: Reader, images: Sequence[Image.Image]) -> list[SeenImage]:
    """Raises `DataError` where the published procedure has no answer for one of the images."""
    try:
        return list(reader.method.look(reader.asked, images))
    except UsageError as error:
        if reader.method.seeing.protocol == "mended":
            raise
        raise DataError("published_fails", str(error)) from error


def _enlarged(shown: AnyPicture) -> AnyPicture:
    """A small picture as many whole times larger as leaves room for the numbers of parts."""
    times = max(_SMALLEST_SIDE // max(shown.shape[:2]), 1)
    return shown.repeat(times, axis=0).repeat(times, axis=1)


@dataclass(frozen=True)
class Writer:
    """Writes what encoders read in images below an output folder."""

    question: ConceptQuestion
    output: Path

    def write_all(self, taken: Sequence[Taken]) -> list[ConceptEntry]:
        """All files of some images, which are looked at together."""
        images = [each.image for each in taken]
        seen = [_seen(reader, images) for reader in self.question.readers]
        return [self._write(each, found) for each, *found in zip(taken, *seen, strict=True)]

    def _write(self, taken: Taken, seen: Sequence[SeenImage]) -> ConceptEntry:
        """The seal is written last."""
        folder = entry_folder(self.output, taken.id)
        SEALS.empty(folder)
        folder.mkdir(exist_ok=True)
        truth = self.question.classes.truth.get(taken.id)
        readings = [
            self._reading(taken, reader, seen=each, truth=truth)
            for reader, each in zip(self.question.readers, seen, strict=True)
        ]
        write_bytes(folder / THUMBNAIL, png_bytes(picture(taken.image, THUMBNAIL_SIDE)))
        entry = ConceptEntry(
            key=taken.key,
            image=taken.id,
            width=taken.image.width,
            height=taken.image.height,
            notes=list(taken.notes),
            label=None if truth is None else self.question.classes.names[truth],
            readings=readings,
            files=sealed_files(folder, [THUMBNAIL, *(each.picture for each in readings)]),
        )
        SEALS.write(folder, entry)
        return entry

    def _reading(
        self, taken: Taken, reader: Reader, *, seen: SeenImage, truth: int | None
    ) -> Reading:
        shown = _enlarged(picture(taken.image))
        placement = reader.preprocessing.placement(taken.image.size)
        labels = labels_over(seen.labels, placement, size=(shown.shape[1], shown.shape[0]))
        drawn = parts_over(shown, labels)
        path = entry_folder(self.output, taken.id) / f"parts-{reader.slug}.png"
        write_bytes(path, png_bytes(drawn))
        return read_image(reader, seen, truth=truth, picture=path.name)
