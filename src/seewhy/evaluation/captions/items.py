"""Texts to be scored beside their references, cut into words."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.words import caption_words

Words = tuple[Hashable, ...]
Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True)
class Items:
    """One candidate and one or more references per id, in one order; words are any hashables."""

    ids: tuple[Hashable, ...]
    candidates: tuple[Words, ...]
    references: tuple[tuple[Words, ...], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, kept: Collection[Hashable]) -> "Items":
        """Those with these ids, in the order they have here."""
        places = [place for place, name in enumerate(self.ids) if name in kept]
        return Items(
            tuple(self.ids[place] for place in places),
            tuple(self.candidates[place] for place in places),
            tuple(self.references[place] for place in places),
        )


def caption_items(candidates: Mapping[Id, str], references: Mapping[Id, Sequence[str]]) -> Items:
    """The candidates with their references, as words; references of other ids are left out.

    Raises `UsageError` when there is none, or when one of them has no reference.
    """
    bare = [name for name in candidates if not references.get(name)]
    if bare or not candidates:
        named = ", ".join(map(str, bare[:5])) or "no text at all"
        raise UsageError(
            f"{len(bare)} of {len(candidates)} texts have no reference ({named}). Give each text "
            "one reference or more, or leave it out."
        )
    return Items(
        tuple(candidates),
        tuple(caption_words(text) for text in candidates.values()),
        tuple(
            tuple(caption_words(reference) for reference in references[name]) for name in candidates
        ),
    )
