"""One image: what was told of it, with a picture of each thing, in a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from seewhy.passes.image_folders import Taken
from seewhy.report.gallery import THUMBNAIL_SIDE
from seewhy.results.files import write_bytes
from seewhy.results.overlay import overlay, picture, png_bytes
from seewhy.results.seals import entry_folder, sealed_files
from seewhy.similarity.drawing import outlined, shown_image
from seewhy.telling.asking import TellingQuestion
from seewhy.telling.entries import SEALS, PhraseSupport, StatementSupport, Telling, TellingEntry
from seewhy.telling.telling import Seen, Told, tell

THUMBNAIL = "thumbnail.png"


@dataclass(frozen=True)
class Writer:
    """Writes what is told of images below an output folder."""

    question: TellingQuestion
    output: Path

    def write_all(self, taken: Sequence[Taken]) -> list[TellingEntry]:
        """All files of some images, which are asked together."""
        told = tell(self.question, [each.image for each in taken])
        return [self._write(each, own) for each, own in zip(taken, told, strict=True)]

    def _write(self, taken: Taken, told: Sequence[Told]) -> TellingEntry:
        """The seal is written last."""
        folder = entry_folder(self.output, taken.id)
        SEALS.empty(folder)
        folder.mkdir(exist_ok=True)
        write_bytes(folder / THUMBNAIL, png_bytes(picture(taken.image, THUMBNAIL_SIDE)))
        names = [THUMBNAIL]
        tellings = []
        for number, each in enumerate(told, start=1):
            drawn = self._drawn(taken.image, each, folder, number)
            names += [name for name in drawn if name]
            tellings.append(_with_pictures(each.telling, drawn))
        entry = TellingEntry(
            key=taken.key,
            image=taken.id,
            width=taken.image.width,
            height=taken.image.height,
            notes=list(taken.notes),
            tellings=tellings,
            files=sealed_files(folder, names),
        )
        SEALS.write(folder, entry)
        return entry

    def _drawn(
        self, image: Image.Image, told: Told, folder: Path, question: int
    ) -> list[str | None]:
        """The name of the picture of each thing."""
        if not self.question.settings.figures:
            return [None] * len(told.maps)
        shown = shown_image(image)
        names: list[str | None] = []
        for number, seen in enumerate(told.maps, start=1):
            if seen is None:
                names.append(None)
                continue
            path = folder / f"thing-{question}-{number}.png"
            names.append(write_bytes(path, png_bytes(_sight(shown, seen))).name)
        return names


def _sight(shown: np.ndarray, seen: Seen) -> np.ndarray:
    """The map over the image, its region outlined."""
    size = (shown.shape[1], shown.shape[0])
    values = np.asarray(Image.fromarray(seen.values.astype(np.float32)).resize(size))
    mask = None
    if seen.peak is not None:
        mask = np.asarray(Image.fromarray(seen.peak.mask).resize(size, Image.Resampling.NEAREST))
    return outlined(overlay(shown, values), mask)


def _with_pictures(telling: Telling, names: Sequence[str | None]) -> Telling:
    left = list(names)

    def drawn(phrase: PhraseSupport) -> PhraseSupport:
        return phrase.model_copy(update={"picture": left.pop(0)})

    def filled(statement: StatementSupport) -> StatementSupport:
        return statement.model_copy(update={"phrases": [drawn(each) for each in statement.phrases]})

    return telling.model_copy(update={"statements": [filled(each) for each in telling.statements]})
