"""The words that a concept detector knows, each with its place among the outputs."""

from collections.abc import Sequence
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.narration.entries import EntryFile


def read_concept_words(path: Path) -> tuple[str, ...]:
    """The words of vg_concept_word2index.json in the order of their places.

    Raises `UsageError` where the places are not all of 0 to the number of words less one.
    """
    found = EntryFile(path, "concept vocabulary", "{word: place, ...}").mapping()
    words = {place: word for word, place in found.items() if type(place) is int}
    if sorted(words) != list(range(len(found))):
        missing = next(place for place in range(len(found) + 1) if place not in words)
        raise UsageError(
            f"{shown(path)} gives no word the place {missing}, or one twice. Wanted are "
            f"{len(found)} words with the places from 0. Fetch the file again."
        )
    return tuple(words[place] for place in range(len(found)))


def concept_words_document(words: Sequence[str]) -> dict[str, int]:
    """The object of the file; `UsageError` for a word that comes twice."""
    document = {word: place for place, word in enumerate(words)}
    if len(document) < len(words):
        twice = next(word for word in words if words.count(word) > 1)
        raise UsageError(f"the concept {twice!r} comes twice; leave one of them out.")
    return document
