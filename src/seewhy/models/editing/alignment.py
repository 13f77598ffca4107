"""From one caption to another by the fewest edits: which words stay, change, come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, NamedTuple

Kind = Literal["keep", "replace", "insert", "delete"]


@dataclass(frozen=True)
class Operation:
    """What became of a word: `old` at place `source`, `new` at place `target`.

    Both are None where the kind has no such word: an insertion has no old one, a deletion no new.
    """

    kind: Kind
    source: int | None
    target: int | None
    old: str | None
    new: str | None


class _Cost(NamedTuple):
    """Compared from left to right: fewest edits, then most words kept, then like for like."""

    edits: int = 0
    lost: int = 0
    unlike: float = 0.0

    def plus(self, edits: int, lost: int, unlike: float = 0.0) -> "_Cost":
        return _Cost(self.edits + edits, self.lost + lost, self.unlike + unlike)


def edit_script(
    old: Sequence[str], new: Sequence[str], *, classes: Mapping[str, str] | None = None
) -> tuple[Operation, ...]:
    """The operations that turn `old` into `new`, in reading order.

    Their number without those that keep is the word edit distance. Of the scripts with so few,
    it is one that keeps most words; of those, one that replaces like by like: words of the same
    of the `classes` (word to class, such as "red" to "colour"), or else words that begin alike.
    What is still equal is settled from the left: keep or replace before delete, delete before
    insert; so of a repeated word the first stays.
    """
    classes = classes or {}
    costs = _costs(old, new, classes)
    found: list[Operation] = []
    row, col = 0, 0
    while row < len(old) or col < len(new):
        kind = _step(costs, old, new, at=(row, col), classes=classes)
        reads, writes = kind != "insert", kind != "delete"
        found.append(
            Operation(
                kind,
                row if reads else None,
                col if writes else None,
                old[row] if reads else None,
                new[col] if writes else None,
            )
        )
        row, col = row + reads, col + writes
    return tuple(found)


def edit_distance(operations: Sequence[Operation]) -> int:
    """The number of words that were replaced, inserted or deleted."""
    return sum(operation.kind != "keep" for operation in operations)


def likeness(old: str, new: str, classes: Mapping[str, str]) -> float:
    """0 to 1: 1 for words of one class, else the share of the longer that both begin with.

    Words of two different classes are not alike.
    """
    ours, theirs = classes.get(old), classes.get(new)
    if ours is not None and theirs is not None:
        return float(ours == theirs)
    pairs = takewhile(lambda letters: letters[0] == letters[1], zip(old, new, strict=False))
    return sum(1 for _ in pairs) / max(len(old), len(new), 1)


def _costs(old: Sequence[str], new: Sequence[str], classes: Mapping[str, str]) -> list[list[_Cost]]:
    """Of turning what is left of the old words from each place into what is left of the new."""
    costs = [[_Cost()] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row in range(len(old), -1, -1):
        for col in range(len(new), -1, -1):
            ways = []
            if row < len(old) and col < len(new):
                ways.append(costs[row + 1][col + 1].plus(*_price(old[row], new[col], classes)))
            if row < len(old):
                ways.append(costs[row + 1][col].plus(1, 1))
            if col < len(new):
                ways.append(costs[row][col + 1].plus(1, 0))
            if ways:
                costs[row][col] = min(ways)
    return costs


def _price(old: str, new: str, classes: Mapping[str, str]) -> tuple[int, int, float]:
    return (0, 0, 0.0) if old == new else (1, 1, 1 - likeness(old, new, classes))


def _step(
    costs: Sequence[Sequence[_Cost]],
    old: Sequence[str],
    new: Sequence[str],
    *,
    at: tuple[int, int],
    classes: Mapping[str, str],
) -> Kind:
    row, col = at
    if row < len(old) and col < len(new):
        through = costs[row + 1][col + 1].plus(*_price(old[row], new[col], classes))
        if through == costs[row][col]:
            return "keep" if old[row] == new[col] else "replace"
    if row < len(old) and costs[row + 1][col].plus(1, 1) == costs[row][col]:
        return "delete"
    return "insert"
