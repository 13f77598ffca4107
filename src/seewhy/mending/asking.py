"""Who edits, and how: everything checked before an image is read."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image
from torch import nn

from seewhy.base.errors import DataError, UsageError
from seewhy.evaluation.editing.attributes import WordClasses, named_word_classes
from seewhy.mending.captions import CaptionedImage
from seewhy.mending.settings import MendingSettings
from seewhy.models.checkpoints import weights_hash
from seewhy.models.editing.decoding import DecodeOptions
from seewhy.models.editing.editor import CaptionEditor, load_editor
from seewhy.models.editing.feature_lookup import FeatureLookup
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.regions import Box, checked_box
from seewhy.models.editing.sources import BoxSource, FileSource
from seewhy.models.editing.storage import embedded_editors
from seewhy.models.identity import facts_digest
from seewhy.models.load import checked_device
from seewhy.models.trained_folders import check_trained

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
    """An editor and its settings; `notes` are sentences.

    `known_features` are what the editor sees of each image in place of the image itself.
    """

    editor: CaptionEditor
    editor_name: str
    settings: MendingSettings
    notes: tuple[str, ...] = ()
    known_features: FeatureLookup | None = None

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

    def features(
        self, items: Sequence[CaptionedImage], images: Sequence[Image.Image]
    ) -> list[ImageFeatures]:
        """What the editor sees of these images.

        Raises `DataError` for an image without the features that were given or without the boxes
        that the editor looks at, and for a box beside its image.
        """
        if self.known_features is not None:
            return [_looked_up(self.known_features, item) for item in items]
        return self.editor.features_of(images, self._boxes(items, [each.size for each in images]))

    def facts(self, items: Sequence[CaptionedImage]) -> dict[str, str]:
        """By record what decides the result beside image and editor."""
        lookup = self.known_features
        if lookup is None:
            return {item.record.id: item.facts for item in items}
        return {item.record.id: f"{item.facts} {_features_digest(lookup, item)}" for item in items}

    def _boxes(
        self, items: Sequence[CaptionedImage], sizes: Sequence[tuple[int, int]]
    ) -> list[list[Box]] | None:
        if not self.looks_at_boxes:
            return None
        return [_checked(item, size) for item, size in zip(items, sizes, strict=True)]

    @property
    def looks_at_boxes(self) -> bool:
        """Whether each image needs boxes."""
        return self.known_features is None and isinstance(self.editor.source, BoxSource)

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


def asked_mending(
    editor: str | Path | CaptionEditor,
    settings: MendingSettings,
    features: FeatureLookup | None = None,
) -> MendingQuestion:
    """What is asked of an editor, that sees images, or in their place features of its width.

    Raises `UsageError` for an editor that is not there, and where features are missing or others.
    """
    if isinstance(editor, CaptionEditor):
        found, name = editor, "an editor"
    else:
        found, name = _editor(editor, settings), str(editor)
    _check_features(found, name, features)
    drawn = (_DRAWN.format(name=name),) if name.startswith("embedded:") else ()
    question = MendingQuestion(found, name, settings, (_EDITS, *drawn), features)
    # A file of words that is none is refused before anything is edited.
    _ = question.classes
    return question


def check_boxes(question: MendingQuestion, items: Sequence[CaptionedImage]) -> None:
    """Raises `UsageError` where an editor looks at boxes and no image has any."""
    if question.looks_at_boxes and all(each.boxes is None for each in items):
        raise UsageError(
            f"{question.editor_name} looks at boxes, and none came. Give them with --box, or as "
            '"boxes" in the file: left, top, right and bottom in pixels.'
        )


def _check_features(editor: CaptionEditor, name: str, features: FeatureLookup | None) -> None:
    if features is None and isinstance(editor.source, FileSource):
        raise UsageError(
            f"{name} reads features of {editor.source.width} channels from a file and sees no "
            "image. Give the features of your images to `seewhy edit-captions --features`, made "
            "as those that it was trained with, or take an editor that looks at a grid or boxes."
        )
    if features is not None and features.width != editor.source.width:
        raise UsageError(
            f"the features have {features.width} channels, and {name} reads "
            f"{editor.source.width}. Give features made as those that it was trained with."
        )


def _looked_up(lookup: FeatureLookup, item: CaptionedImage) -> ImageFeatures:
    name = _known_name(lookup, item)
    if name is None:
        raise DataError(
            "missing", f"there are no features of {item.record.id!r}, by its id or its file name."
        )
    return lookup.features(name)


def _known_name(lookup: FeatureLookup, item: CaptionedImage) -> Hashable | None:
    names = (each for each in (item.file_name, item.found) if each is not None)
    tried = (lookup.name(str(item.image_id), each) for each in (*names, None))
    return next((name for name in tried if name is not None), None)


def _features_digest(lookup: FeatureLookup, item: CaptionedImage) -> str:
    """Of features that cannot be used there is none: the item fails when it is edited."""
    try:
        features = _looked_up(lookup, item)
    except DataError:
        return ""
    parts = [features.regions, *([] if features.boxes is None else [features.boxes])]
    content = b"".join(each.contiguous().numpy().tobytes() for each in parts)
    return hashlib.sha256(content).hexdigest()


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
    check_trained(source, "editor", shipped=embedded_editors())
    found = load_editor(source).to(checked_device(settings.device))
    # An encoder that is not there is told before an image is read.
    _ = found.source
    return found
