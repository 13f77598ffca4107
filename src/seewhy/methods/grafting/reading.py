"""What the captions say: formulas from similarities to winners, counts and shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError

UNKNOWN = -1
"""Stands for the right value of a group on an image for which nobody knows it."""


@dataclass(frozen=True)
class CaptionTable:
    """Captions in the order of their embeddings, with the group and the value each speaks for.

    `group_of` counts through `groups`, `value_of` through the values of that group.
    """

    captions: tuple[str, ...]
    groups: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    group_of: Int[Tensor, " texts"]
    value_of: Int[Tensor, " texts"]

    @classmethod
    def listed(cls, groups: Mapping[str, Mapping[str, Sequence[str]]]) -> "CaptionTable":
        """The table of group -> value -> captions."""
        rows = [
            (caption, group, value)
            for group, values in enumerate(groups.values())
            for value, captions in enumerate(values.values())
            for caption in captions
        ]
        captions, group_of, value_of = zip(*rows, strict=True)
        return cls(
            captions=captions,
            groups=tuple(groups),
            values=tuple(tuple(values) for values in groups.values()),
            group_of=torch.tensor(group_of),
            value_of=torch.tensor(value_of),
        )

    def right_values(self, known: Sequence[Mapping[str, str]]) -> Int[Tensor, "images groups"]:
        """The index of the right value per image and group, from group -> value name.

        `UNKNOWN` where an image has no entry for a group. Raises `UsageError` for a value that
        the group does not have.
        """
        groups = range(len(self.groups))
        rows = [[self._value_index(group, image) for group in groups] for image in known]
        return torch.tensor(rows, dtype=torch.int64).reshape(len(known), len(self.groups))

    def _value_index(self, group: int, known: Mapping[str, str]) -> int:
        name = known.get(self.groups[group])
        if name is None:
            return UNKNOWN
        if name not in self.values[group]:
            raise UsageError(
                f"group {self.groups[group]!r} has no value {name!r}. "
                f"Its values: {', '.join(self.values[group])}."
            )
        return self.values[group].index(name)


def influence(
    similarities: Float[Tensor, "images depths texts"],
) -> Float[Tensor, "images texts"]:
    """The published influence of the surgery: similarity after all stages minus before any."""
    return similarities[:, -1] - similarities[:, 0]


@dataclass(frozen=True)
class WinnerCounts:
    """Images whose winning caption belongs to each group, and whether its value is right."""

    images: int
    correct: Int[Tensor, " groups"]
    wrong: Int[Tensor, " groups"]
    unknown: Int[Tensor, " groups"]

    @property
    def shares(self) -> Float[Tensor, " groups"]:
        """Share of the images won by each group; sums to one, NaN without images."""
        return (self.correct + self.wrong + self.unknown).double() / self.images


def count_winners(
    scores: Float[Tensor, "images texts"],
    table: CaptionTable,
    right: Int[Tensor, "images groups"],
) -> WinnerCounts:
    """The caption with the largest score wins its image (ties: the first caption).

    On `influence` these are the published counts; on the similarities of one depth, what is
    read at that depth.
    """
    winner = scores.argmax(dim=1)
    group, value = table.group_of[winner], table.value_of[winner]
    wanted = right.gather(1, group[:, None])[:, 0]
    correct, unknown = value == wanted, wanted == UNKNOWN
    counts = (
        group[chosen].bincount(minlength=len(table.groups))
        for chosen in (correct, ~correct & ~unknown, unknown)
    )
    return WinnerCounts(len(scores), *counts)


def read_values(
    similarities: Float[Tensor, "images depths texts"], table: CaptionTable
) -> Int[Tensor, "images depths groups"]:
    """The value that the best caption of each group speaks for, at each depth."""
    columns = [(table.group_of == group).nonzero()[:, 0] for group in range(len(table.groups))]
    best = [texts[similarities[:, :, texts].argmax(dim=2)] for texts in columns]
    return torch.stack([table.value_of[texts] for texts in best], dim=2)


def readable(
    values: Int[Tensor, "images depths groups"], right: Int[Tensor, "images groups"]
) -> Float[Tensor, "depths groups"]:
    """Share of the images on which the right value is read; NaN where it is never known."""
    known = right != UNKNOWN
    hits = (values == right[:, None]) & known[:, None]
    return hits.sum(dim=0) / known.sum(dim=0)
