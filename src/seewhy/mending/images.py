"""One image: its caption before and after, with a picture of each edit, in a folder of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seewhy.mending.asking import MendingQuestion
from seewhy.mending.captions import CaptionedImage
from seewhy.mending.drawing import looked_picture
from seewhy.mending.entries import SEALS, EditEvidence, MendEntry
from seewhy.mending.mending import Mended, mend
from seewhy.passes.image_folders import Taken
from seewhy.report.figures import figure_bytes
from seewhy.report.gallery import THUMBNAIL_SIDE
from seewhy.report.matrices import matrix_figure
from seewhy.results.files import write_bytes
from seewhy.results.overlay import picture, png_bytes
from seewhy.results.seals import entry_folder, sealed_files
from seewhy.similarity.drawing import shown_image

THUMBNAIL, MATRIX = "thumbnail.png", "read.png"


@dataclass(frozen=True)
class Writer:
    """Writes what became of captions below an output folder; `items` are by the ids of records."""

    question: MendingQuestion
    items: Mapping[str, CaptionedImage]
    output: Path

    def write_all(self, taken: Sequence[Taken]) -> list[MendEntry]:
        """All files of some images, whose captions are edited together."""
        items = [self.items[each.id] for each in taken]
        mended = mend(self.question, items, [each.image for each in taken])
        return [
            self._write(each, item, own)
            for each, item, own in zip(taken, items, mended, strict=True)
        ]

    def _write(self, taken: Taken, item: CaptionedImage, mended: Mended) -> MendEntry:
        """The seal is written last."""
        folder = entry_folder(self.output, taken.id)
        SEALS.empty(folder)
        folder.mkdir(exist_ok=True)
        write_bytes(folder / THUMBNAIL, png_bytes(picture(taken.image, THUMBNAIL_SIDE)))
        edits = self._drawn(taken, mended, folder)
        matrix = self._matrix(mended, folder)
        names = [THUMBNAIL, *(each.picture for each in edits if each.picture)]
        entry = MendEntry(
            key=taken.key,
            image=taken.id,
            width=taken.image.width,
            height=taken.image.height,
            notes=[*taken.notes, *mended.edit.notes],
            caption=item.caption,
            edited=mended.edit.text,
            is_changed=mended.edit.changed,
            is_finished=mended.edit.is_finished,
            log_probability=mended.edit.log_probability,
            script=list(mended.script),
            edits=edits,
            alternatives=[each.text for each in mended.edit.alternatives if each.text],
            unknown=list(mended.unknown),
            matrix=matrix,
            files=sealed_files(folder, [*names, *([matrix] if matrix else [])]),
        )
        SEALS.write(folder, entry)
        return entry

    def _drawn(self, taken: Taken, mended: Mended, folder: Path) -> list[EditEvidence]:
        """The edits, those that looked somewhere with the name of their picture."""
        if not self.question.settings.figures:
            return list(mended.edits)
        shown = shown_image(taken.image)
        found = []
        pairs = zip(mended.edits, mended.looks, strict=True)
        for number, (edit, weights) in enumerate(pairs, start=1):
            name = None
            if weights is not None:
                drawn = looked_picture(shown, mended.features, weights)
                name = write_bytes(folder / f"edit-{number}.png", png_bytes(drawn)).name
            found.append(edit.model_copy(update={"picture": name}))
        return found

    def _matrix(self, mended: Mended, folder: Path) -> str | None:
        edit = mended.edit
        rows = [each.source for each in edit.evidence if each.source is not None]
        is_wanted = self.question.settings.figures and edit.changed
        if not is_wanted or not rows or len(rows) < len(edit.evidence):
            return None
        memories = {
            row: each.copied for row, each in enumerate(edit.evidence) if each.copied is not None
        }
        figure = matrix_figure(np.array(rows), edit.words, edit.read, marks=memories)
        return write_bytes(folder / MATRIX, figure_bytes(figure, "png")).name
