"""What a narrator learns by: cross-entropy of the next token, added up by the part of the row."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.models.narration.batches import IGNORED
from seewhy.models.narration.narrator import Hidden, Narrator
from seewhy.training.narration.batches import PARTS, NarrationBatch
from seewhy.training.narration.mentions import NO_MENTION
from seewhy.training.narration.presets import LossWeights
from seewhy.training.narration.quarters import QUARTERS

PerPart = Float[Tensor, " parts"]
COUNTED = (*PARTS, "sight", "mentions")
"""What a step's loss is made of: the parts of rows, what images show in their quarters, and which
quarters phrases fit."""


def loss_sums(narrator: Narrator, batch: NarrationBatch, hidden: Hidden) -> PerPart:
    """The sum over targets of each part, in the order of `PARTS`, from `narrator.hidden`.

    Scores are computed where there is a target alone: most of the work of large vocabularies.
    """
    labels, parts = batch.rows.labels[:, 1:], batch.parts[:, 1:]
    is_kept = labels != IGNORED
    losses = functional.cross_entropy(
        narrator.logits(hidden[:, :-1][is_kept]).float(), labels[is_kept], reduction="none"
    )
    return summed_by_part(losses, parts[is_kept])


def summed_by_part(
    losses: Float[Tensor, " targets"], parts: Int[Tensor, " targets"]
) -> Float[Tensor, " parts"]:
    """Sums of the losses of each part."""
    return torch.stack([losses[parts == code].sum() for code in range(1, len(PARTS) + 1)])


def target_counts(batch: NarrationBatch) -> PerPart:
    """How many targets each of `COUNTED` has; the first token of a row is never one."""
    labels, parts = batch.rows.labels[:, 1:], batch.parts[:, 1:]
    words = summed_by_part(
        torch.ones_like(labels[labels != IGNORED], dtype=torch.float32), parts[labels != IGNORED]
    )
    seen = 0 if batch.quarters is None else QUARTERS * len(batch.quarters)
    mentions = batch.mentions
    named = 0 if mentions is None else int((mentions != NO_MENTION).sum())
    return torch.cat([words, words.new_tensor([seen, named])])


def part_scales(counts: PerPart, weights: LossWeights) -> PerPart:
    """What to multiply the sums of `COUNTED` by, given the targets of a whole step.

    That is the mean of the rows' parts, weighted, and on top of it those of the others. A step in
    several passes, or on several devices, so has the loss of the same step in one.
    """
    words, least = counts[: len(PARTS)], torch.finfo(counts.dtype).tiny
    wanted = torch.tensor(weights.parts, dtype=counts.dtype, device=counts.device)
    present = wanted * (words > 0)
    if weights.by == "tokens":
        scales = present / (wanted * words).sum().clamp(min=least)
    else:
        scales = present / words.clamp(min=1) / present.sum().clamp(min=least)
    beside = torch.tensor([weights.sight, weights.mentions]).to(counts)
    return torch.cat([scales, beside / counts[len(PARTS) :].clamp(min=1)])
