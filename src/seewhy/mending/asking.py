"""Who edits, and how: everything checked before an image is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from seewhy.base.errors import DataError, UsageError
from seewhy.evaluation.editing.attributes import WordClasses, named_word_classes
from seewhy.mending.captions import CaptionedImage
from seewhy.mending.settings import USUAL_EDITOR, MendingSettings
from seewhy.models.checkpoints import weights_hash
from seewhy.models.editing.decoding import DecodeOptions
from seewhy.models.editing.editor import CaptionEditor
from seewhy.models.editing.regions import Box, checked_box
from seewhy.models.editing.sources import BoxSource, FileSource, load_source
from seewhy.models.editing.storage import embedded_editors, load_editor_parts
from seewhy.models.identity import facts_digest
from seewhy.models.load import checked_device

_EDITS = (
    "An editor writes the caption anew, word by word, with the old one and the image before it: "
    "that a word was kept means that it was written again."
)
_DRAWN = (
    "{name} knows drawn scenes alone: about a photograph its edits mean nothing, and words that "
    "it does not know are replaced or deleted whether right or wrong."
)


@dataclass(frozen=True, eq=False)
class MendingQuestion:
    """An editor and its settings; `notes` are sentences."""

    editor: CaptionEditor
    editor_name: str
    settings: MendingSettings
    notes: tuple[str, ...] = ()

    @property
    def options(self) -> DecodeOptions:
        """How captions are written."""
        settings = self.settings
        return DecodeOptions(
            method="greedy" if settings.beams == 1 else "beam",
            beams=settings.beams,
            limit=settings.limit,
            no_repeat=settings.no_repeat,
            n_best=min(settings.alternatives + 1, settings.beams),
            batch=settings.batch_size,
        )

    @cached_property
    def classes(self) -> WordClasses:
        """What words speak of."""
        return named_word_classes(self.settings.words)

    @cached_property
    def known(self) -> frozenset[str]:
        """The words that the editor can write."""
        return frozenset(self.editor.vocabulary.words)

    def boxes(
        self, items: Sequence[CaptionedImage], sizes: Sequence[tuple[int, int]]
    ) -> list[list[Box]] | None:
        """The boxes of images of these sizes, for an editor that looks at boxes.

        Raises `DataError` for an image without any, and for a box beside its image.
        """
        if not isinstance(self.editor.source, BoxSource):
            return None
        return [_checked(item, size) for item, size in zip(items, sizes, strict=True)]

    @cached_property
    def _weights(self) -> str:
        network = self.editor.network
        return weights_hash(network) if isinstance(network, nn.Module) else repr(network)

    def digest(self) -> str:
        """SHA-256 of all that decides what is written and drawn, except captions and images."""
        editor = self.editor
        return facts_digest(
            kind="mending",
            editor=[self._weights, editor.config.model_dump(mode="json")],
            words=editor.vocabulary.words,
            settings=self.settings.of_an_image(),
        )


def asked_mending(editor: str | Path | CaptionEditor, settings: MendingSettings) -> MendingQuestion:
    """Raises `UsageError` for an editor that is not there, or that reads features from a file."""
    if isinstance(editor, CaptionEditor):
        found, name = editor, "an editor"
    else:
        found, name = _editor(editor, settings), str(editor)
    if isinstance(found.source, FileSource):
        raise UsageError(
            f"{name} reads features from a file and sees no image. Take an editor that looks at "
            "a grid or at boxes."
        )
    drawn = (_DRAWN.format(name=name),) if name.startswith("embedded:") else ()
    question = MendingQuestion(found, name, settings, (_EDITS, *drawn))
    # A file of words that is none is refused before anything is edited.
    _ = question.classes
    return question


def check_boxes(question: MendingQuestion, items: Sequence[CaptionedImage]) -> None:
    """Raises `UsageError` where an editor looks at boxes and no image has any."""
    if isinstance(question.editor.source, BoxSource) and all(each.boxes is None for each in items):
        raise UsageError(
            f"{question.editor_name} looks at boxes, and none came. Give them with --box, or as "
            '"boxes" in the file: left, top, right and bottom in pixels.'
        )


def _checked(item: CaptionedImage, size: tuple[int, int]) -> list[Box]:
    boxes = item.fractions(size)
    if not boxes:
        raise DataError(
            "bad_entry", f"{item.record.id!r} has no boxes, and the editor looks at boxes."
        )
    try:
        return [checked_box(box) for box in boxes]
    except UsageError as error:
        raise DataError("bad_entry", f"{item.record.id!r}: {error}") from error


def _editor(source: str | Path, settings: MendingSettings) -> CaptionEditor:
    family, _, name = str(source).partition(":")
    if family == "embedded" and name not in embedded_editors():
        there = ", ".join(f"embedded:{each}" for each in embedded_editors())
        raise UsageError(
            f"no editor {str(source)!r} comes with this installation; "
            f"{f'there is {there}' if there else 'there is none'}. Train one with `seewhy train "
            "editor --preset tiny --output FOLDER` (as `--help` explains), and name its folder: "
            "--editor FOLDER."
        )
    if family != "embedded" and not Path(source).expanduser().is_dir():
        raise UsageError(
            f"the editor {str(source)!r} is no folder. Name one that `seewhy train editor` wrote, "
            f"or {USUAL_EDITOR}."
        )
    device = str(checked_device(settings.device))
    parts = load_editor_parts(source)
    return CaptionEditor(parts, source=load_source(parts.config.source, device=device)).to(device)
