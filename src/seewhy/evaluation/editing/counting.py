"""Words of captions and what an editor did to each, counted for figures with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seewhy.evaluation.editing.ratios import Ratios
from seewhy.evaluation.weighted import Pairs
from seewhy.models.editing.alignment import Operation


@dataclass(frozen=True)
class EditedCaption:
    """What an editor did to one caption; `support` is how sure it was of each operation, 0 to 1.

    Support is None where it is not known, as for a deletion.
    """

    id: str
    operations: tuple[Operation, ...]
    support: tuple[float | None, ...]


@dataclass(frozen=True)
class Use:
    """One operation, and the place of its caption."""

    caption: int
    operation: Operation
    support: float | None

    @property
    def is_wrong(self) -> bool:
        """Whether a word of the caption was replaced or deleted."""
        return self.operation.kind in {"replace", "delete"}


@dataclass(frozen=True, eq=False)
class Uses:
    """All operations of some captions: `old` those on a word that was there, `new` the others."""

    captions: int
    every: tuple[Use, ...]

    @classmethod
    def of(cls, edits: Sequence[EditedCaption]) -> "Uses":
        """Those of the edits, in order."""
        return cls(
            len(edits),
            tuple(
                Use(place, operation, support)
                for place, edit in enumerate(edits)
                for operation, support in zip(edit.operations, edit.support, strict=True)
            ),
        )

    @cached_property
    def old(self) -> tuple[Use, ...]:
        """One for each word before."""
        return tuple(each for each in self.every if each.operation.old is not None)

    @cached_property
    def new(self) -> tuple[Use, ...]:
        """One for each word after."""
        return tuple(each for each in self.every if each.operation.new is not None)


def shares(
    hits: Sequence[tuple[int, str]], uses: Sequence[tuple[int, str]], *, base: dict[str, str]
) -> Ratios:
    """Of each name in `base` the hits over the uses of what it leads to.

    Hits and uses are places of captions with names; those of names that are not asked for are
    left out.
    """
    names = {name: number for number, name in enumerate(base)}
    wholes = {name: number for number, name in enumerate(dict.fromkeys(base.values()))}
    return Ratios(
        tuple(base),
        _pairs(hits, names),
        _pairs(uses, wholes),
        np.array([wholes[name] for name in base.values()], dtype=np.int64),
    )


def _pairs(found: Sequence[tuple[int, str]], numbers: dict[str, int]) -> Pairs:
    known = [(caption, numbers[name]) for caption, name in found if name in numbers]
    owner, codes = np.array(known, dtype=np.int64).reshape(-1, 2).T
    return Pairs(owner, codes, len(numbers))
