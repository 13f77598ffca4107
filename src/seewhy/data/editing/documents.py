"""In the captions of how many images each run of words occurs: what CIDEr-D weighs by."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seewhy.base.errors import UsageError
from seewhy.data.editing.karpathy import CaptionedImage
from seewhy.data.editing.tables import json_table, whole_number
from seewhy.data.editing.word_maps import END, UNKNOWN, word_ids
from seewhy.data.files import shown

LONGEST_RUN = 4

Run = tuple[str | int, ...]
Over = Literal["words", "ids"]

_KIND = "table of document frequencies"
_WANTED = '{"document_frequency": {"a red": 12, ...}, "ref_len": number of images}'


@dataclass(frozen=True, eq=False)
class DocumentFrequencies:
    """Counts of images by run of 1 to 4 words, or of ids where the end of a caption is 0."""

    counts: Mapping[Run, int]
    images: int

    def document(self) -> dict[str, object]:
        """A JSON object; the words of a run are joined by spaces."""
        counts = {" ".join(map(str, run)): count for run, count in self.counts.items()}
        return {"document_frequency": counts, "ref_len": self.images}


def document_frequencies(
    images: Iterable[CaptionedImage], ids: Mapping[str, int], *, over: Over
) -> DocumentFrequencies:
    """Frequencies in the captions of these images, of which the training ones are meant.

    Captions are whole, however long; words without an id are unknown ones, and the end is a word.
    """
    counts: Counter[Run] = Counter()
    number = 0
    for number, image in enumerate(images, start=1):  # noqa: B007
        sequences = [_sequence(words, ids, over) for words in image.captions]
        counts.update({run for sequence in sequences for run in runs_of(sequence)})
    if not number:
        raise UsageError("document frequencies of no image were asked for; give training images.")
    return DocumentFrequencies(counts, number)


def read_document_frequencies(path: Path, *, over: Over) -> DocumentFrequencies:
    """A table as `DocumentFrequencies.document` writes it; `UsageError` for anything else."""
    table = json_table(path, kind=_KIND, wanted=_WANTED)
    counts = table.get("document_frequency")
    if not isinstance(counts, dict):
        raise UsageError(f"{shown(path)} has no counts under 'document_frequency': {_WANTED}.")
    where = f"a count of {shown(path)}"
    return DocumentFrequencies(
        {_run(key, over, path): whole_number(count, where=where) for key, count in counts.items()},
        whole_number(table.get("ref_len"), where=f"'ref_len' of {shown(path)}"),
    )


def runs_of(sequence: Sequence[str | int]) -> set[Run]:
    """Every run of 1 to 4 neighbours."""
    return {
        tuple(sequence[start : start + length])
        for length in range(1, LONGEST_RUN + 1)
        for start in range(len(sequence) - length + 1)
    }


def _sequence(words: Sequence[str], ids: Mapping[str, int], over: Over) -> list[str | int]:
    if over == "ids":
        return [*word_ids(words, ids), 0]
    return [*(word if word in ids else UNKNOWN for word in words), END]


def _run(key: str, over: Over, path: Path) -> Run:
    words = key.split(" ")
    if over == "words":
        return tuple(words)
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise UsageError(
            f"{shown(path)} counts {key!r}, which is no run of word ids. Give the table over ids."
        )
    return tuple(map(int, words))
