"""One image: its parts drawn, its readings written into a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from seewhy.results.overlay import picture, picture_size, png_bytes
from seewhy.results.seals import entry_folder, sealed_files

THUMBNAIL = "thumbnail.png"


def _seen(reader: Reader, images: Sequence[Image.Image]) -> list[SeenImage]:
    """Raises `DataError` where the published procedure has no answer for one of the images."""
    try:
        return list(reader.method.look(reader.asked, images))
    except UsageError as error:
        if reader.method.seeing.protocol == "mended":
            raise
        raise DataError("published_fails", str(error)) from error


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
        size = picture_size(taken.image.size)
        placement = reader.preprocessing.placement(taken.image.size)
        drawn = parts_over(picture(taken.image), labels_over(seen.labels, placement, size=size))
        path = entry_folder(self.output, taken.id) / f"parts-{reader.slug}.png"
        write_bytes(path, png_bytes(drawn))
        return read_image(reader, seen, truth=truth, picture=path.name)
