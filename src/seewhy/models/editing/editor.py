"""A caption editor: captions and images in, edited captions with their evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.models.editing.alignment import edit_script
from seewhy.models.editing.building import Network
from seewhy.models.editing.config import LookModifyConfig
from seewhy.models.editing.decoded import Decoded, quiet
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.edits import Alternative, Edit, evidence_of, plain_words
from seewhy.models.editing.ensemble import Ensemble
from seewhy.models.editing.features import ImageFeatures, padded
from seewhy.models.editing.regions import Box
from seewhy.models.editing.sources import FeatureSource, load_source
from seewhy.models.editing.stepping import EditInputs, EditorNetwork
from seewhy.models.editing.storage import EditorParts, load_editor_parts
from seewhy.models.editing.words import UNKNOWN, EditVocabulary
from seewhy.models.guard import device_of

_DEFAULT = DecodeOptions()


class _Given(NamedTuple):
    """A caption: all its words, those that are read, and what was done to them."""

    text: str
    words: tuple[str, ...]
    read: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Round:
    """What one round made of the words that it read."""

    read: tuple[str, ...]
    found: Sequence[Decoded]
    words: tuple[str, ...]


class CaptionEditor:
    """Networks with their vocabulary, and the source of what they see of an image.

    The source is loaded when features are first asked for, unless it is given. Several networks
    are an `Ensemble` with the configuration's weights.
    """

    def __init__(self, parts: EditorParts, *, source: FeatureSource | None = None) -> None:
        self.config = parts.config
        self.vocabulary: EditVocabulary = parts.vocabulary
        networks = parts.networks
        self._module: Network | Ensemble = (
            networks[0] if len(networks) == 1 else Ensemble(networks, parts.config.weights)
        )
        self._source = source

    @property
    def source(self) -> FeatureSource:
        """What makes features of images; `UsageError` where its encoder cannot be found."""
        if self._source is None:
            self._source = load_source(self.config.source, device=str(self.device))
        return self._source

    @property
    def network(self) -> EditorNetwork:
        """What writes the words."""
        return self._module

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return device_of(self._module)

    def to(self, device: torch.device | str) -> "CaptionEditor":
        """The same editor, its networks and its source on a device."""
        self._module.to(device)
        if self._source is not None:
            self._source.to(device)
        return self

    def features_of(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[Box]] | None = None
    ) -> list[ImageFeatures]:
        """What the editor sees of RGB images; `boxes` where its source asks for them."""
        return self.source.features(images, boxes)

    def edit(
        self,
        images: Sequence[ImageFeatures],
        captions: Sequence[str],
        *,
        options: DecodeOptions = _DEFAULT,
        iterations: int = 1,
    ) -> tuple[Edit, ...]:
        """An edit of each caption, beside the image of the same place.

        A caption that a round changes is read again, at most `iterations` times in all. An empty
        one is read as one unknown word and a long one is clipped; notes say so. With
        `options.allows_unknown` an unknown word of the caption is written as it stands there.
        Raises `UsageError` where the images are not those of the captions, or have other features.
        """
        self._check(images, captions, iterations)
        given = [_given(caption, self.config.longest) for caption in captions]
        rounds: dict[int, _Round] = {}
        texts = [each.read for each in given]
        waiting = list(range(len(given)))
        with quiet(self.network):
            for number in range(iterations):
                made = self._rounds(
                    [images[place] for place in waiting],
                    [texts[place] for place in waiting],
                    options,
                )
                changed = []
                for place, each in zip(waiting, made, strict=True):
                    if number == 0 or each.words != each.read:
                        rounds[place] = each
                    if each.words != each.read:
                        texts[place] = each.words[: self.config.longest] or (UNKNOWN,)
                        changed.append(place)
                waiting = changed
        return tuple(self._edit(each, rounds[place]) for place, each in enumerate(given))

    def inputs(self, images: Sequence[ImageFeatures], texts: Sequence[Sequence[str]]) -> EditInputs:
        """What the networks read; a text without words is one unknown word."""
        vocabulary, device = self.vocabulary, self.device
        ids = [torch.tensor(vocabulary.encode(words) or [vocabulary.unknown]) for words in texts]
        regions, counts = padded(images)
        found = EditInputs(
            torch.nn.utils.rnn.pad_sequence(ids, batch_first=True),
            torch.tensor([len(each) for each in ids]),
            regions.float(),
            counts,
        )
        return found.to(device)

    def _rounds(
        self,
        images: Sequence[ImageFeatures],
        texts: Sequence[tuple[str, ...]],
        options: DecodeOptions,
    ) -> list[_Round]:
        """A round of each text; regions are put side by side for one batch at a time."""
        found: list[_Round] = []
        for start in range(0, len(texts), options.batch):
            own = texts[start : start + options.batch]
            inputs = self.inputs(images[start : start + options.batch], own)
            every = decode(self.network, inputs, self.vocabulary, options)
            found += [
                _Round(read, group, self._words(group[0], read))
                for read, group in zip(own, every, strict=True)
            ]
        return found

    def _words(self, decoded: Decoded, read: Sequence[str]) -> tuple[str, ...]:
        """The words of a caption; an unknown one as the caption has it where it looked there."""
        vocabulary, trace = self.vocabulary, decoded.trace
        known = vocabulary.encode(read)
        places = (
            trace.source.argmax(dim=1).tolist()
            if trace.source is not None
            else [None] * len(decoded.ids)
        )
        words: list[str] = []
        for number, place in zip(decoded.ids, places, strict=True):
            is_lent = (
                number == vocabulary.unknown
                and place is not None
                and place < len(known)
                and known[place] == vocabulary.unknown
            )
            words += [read[place]] if is_lent else vocabulary.decode([number])
        return tuple(words)

    def _edit(self, given: _Given, last: _Round) -> Edit:
        best, *others = last.found
        is_changed = last.words != given.words
        notes = list(given.notes)
        if not best.is_finished:
            notes.append(f"cut at the limit of {len(best.ids)} words")
        return Edit(
            text=" ".join(last.words) if is_changed else given.text,
            words=last.words,
            log_probability=best.log_probability,
            is_finished=best.is_finished,
            changed=is_changed,
            operations=edit_script(given.words, last.words),
            evidence=evidence_of(best),
            alternatives=tuple(self._alternative(each, last.read) for each in others),
            original=given.words,
            read=last.read,
            notes=tuple(notes),
        )

    def _alternative(self, decoded: Decoded, read: Sequence[str]) -> Alternative:
        words = self._words(decoded, read)
        return Alternative(" ".join(words), words, decoded.log_probability, decoded.is_finished)

    def _check(
        self, images: Sequence[ImageFeatures], captions: Sequence[str], iterations: int
    ) -> None:
        if len(images) != len(captions):
            raise UsageError(
                f"{len(captions)} captions came with features of {len(images)} images; each "
                "caption needs those of its own: repeat an image that has several."
            )
        if iterations < 1:
            raise UsageError(f"iterations is {iterations}; at least one round is wanted.")
        wanted = self.config.features
        other = next((each for each in images if each.regions.shape[1] != wanted), None)
        if wanted is not None and other is not None:
            raise UsageError(
                f"features of {other.regions.shape[1]} channels came to an editor that reads "
                f"{wanted}. Take features from the source that it was trained with, as "
                "`features_of` does."
            )
        asks = any(
            isinstance(each, LookModifyConfig) and each.sentence == "given"
            for each in self.config.networks
        )
        if asks:
            raise UsageError(
                "this editor reads an embedding of each caption from outside. Give `decode` its "
                "network and `EditInputs` with sentences."
            )


def _given(caption: str, longest: int) -> _Given:
    words = plain_words(caption)
    notes = []
    if not words:
        notes.append("an empty caption: read as one unknown word")
    if len(words) > longest:
        notes.append(f"clipped: of {len(words)} words the first {longest} were read")
    return _Given(caption, words, words[:longest] or (UNKNOWN,), tuple(notes))


def load_editor(source: Path | str) -> CaptionEditor:
    """An editor in evaluation mode, in float32 on the CPU.

    `source` is a folder that `seewhy train editor` wrote, or "embedded:NAME" for one that ships
    with the package. No code of a file is run. Raises `UsageError` for anything else.
    """
    return CaptionEditor(load_editor_parts(source))
