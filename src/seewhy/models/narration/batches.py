"""Rows side by side as tensors: padded on the right to train, on the left to generate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.narration.rows import Row
from seewhy.models.narration.tokens import NarrationTokenizer

IGNORED = -100
"""The label of tokens that are not learnt, as PyTorch's cross-entropy has it."""

Ids = Int[Tensor, "batch tokens"]


@dataclass(frozen=True, eq=False)
class RowBatch:
    """Rows of one length; `mask` is False at padding, and `positions` count without it.

    `labels` are the ids themselves, not shifted. `segments`, `boxes` and `objects` are None where
    the layout has none.
    """

    ids: Ids
    labels: Ids
    mask: Bool[Tensor, "batch tokens"]
    positions: Ids
    segments: Ids | None
    boxes: Float[Tensor, "batch tokens 8"] | None
    objects: Ids | None

    def to(self, device: torch.device | str) -> "RowBatch":
        """The same rows on another device."""
        moved: dict[str, Any] = {
            name: None if tensor is None else tensor.to(device)
            for name, tensor in vars(self).items()
        }
        return RowBatch(**moved)


def training_batch(
    rows: Sequence[Row], tokenizer: NarrationTokenizer, *, length: int | None = None
) -> RowBatch:
    """Rows padded on the right to the longest of them, or to `length`."""
    return _batch(rows, tokenizer, length=length, side="right")


def prompt_batch(rows: Sequence[Row], tokenizer: NarrationTokenizer) -> RowBatch:
    """Rows padded on the left to the longest of them, so that all end at the last column."""
    return _batch(rows, tokenizer, length=None, side="left")


def _batch(
    rows: Sequence[Row],
    tokenizer: NarrationTokenizer,
    *,
    length: int | None,
    side: Literal["left", "right"],
) -> RowBatch:
    if not rows:
        raise UsageError("a batch needs at least one row; none came.")
    lengths = [len(row) for row in rows]
    padded = [row.padded(max(lengths) if length is None else length) for row in rows]
    shifts = [
        len(row) - own if side == "left" else 0 for row, own in zip(padded, lengths, strict=True)
    ]
    columns = torch.arange(len(padded[0]))
    starts = torch.tensor(shifts)[:, None]
    mask = (columns >= starts) & (columns < starts + torch.tensor(lengths)[:, None])

    def turned(values: Sequence[object]) -> Tensor:
        rolled = [torch.tensor(each).roll(by, 0) for each, by in zip(values, shifts, strict=True)]
        return torch.stack(rolled)

    def numbered(tokens: Sequence[Sequence[str] | None]) -> Tensor | None:
        given = [tokenizer.ids(each) for each in tokens if each is not None]
        if given and len(given) < len(rows):
            raise UsageError("rows of one batch must be of one layout; these are not.")
        return turned(given) if given else None

    ids = turned([tokenizer.ids(row.tokens) for row in padded])
    is_target = turned([row.is_target for row in padded])
    boxes = [row.boxes for row in padded if row.boxes is not None]
    return RowBatch(
        ids=ids,
        labels=torch.where(is_target, ids, IGNORED),
        mask=mask,
        positions=(columns - starts).clamp(min=0),
        segments=numbered([row.segments for row in padded]),
        boxes=turned(boxes) if boxes else None,
        objects=numbered([row.objects for row in padded]),
    )
