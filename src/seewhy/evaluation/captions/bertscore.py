"""BERTScore: how well the words of two texts match as a language model sees them in context.

Source: Zhang et al., BERTScore, ICLR 2020; without weights by rarity and without rescaling.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.models.text_folder import TextFolder

# For these the published program takes another block than the last but one.
_BLOCKS = {("bert", 12): 9, ("bert", 24): 18, ("roberta", 12): 10, ("roberta", 24): 17}


@dataclass(frozen=True)
class Matched:
    """Mean cosines of the words of the text, of those of the reference, and their harmonic mean."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def greedy_matching(
    candidate: Float[Tensor, "tokens dim"],
    reference: Float[Tensor, "others dim"],
    *,
    counted: tuple[Bool[Tensor, " tokens"], Bool[Tensor, " others"]],
) -> Matched:
    """Each token is matched with the nearest of the other text, and counted ones are averaged.

    Tokens that are not counted, the special ones, can still be the nearest to others, as in the
    published program. A text without any counted token has 0.
    """
    if not counted[0].any() or not counted[1].any():
        return Matched(0.0, 0.0)
    cosines = functional.normalize(candidate, dim=1) @ functional.normalize(reference, dim=1).T
    return Matched(
        float(cosines.max(dim=1).values[counted[0]].mean()),
        float(cosines.max(dim=0).values[counted[1]].mean()),
    )


def bert_f1(
    encoder: TextFolder,
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    block: int | None = None,
    batch_size: int = 64,
) -> Float[np.ndarray, " texts"]:
    """The F1 of each text with the best of its references, all in lower case.

    `block` is the one whose output is compared, from 1; None takes that of the published program
    for BERT, DistilBERT and RoBERTa of usual size. Each different text is read once.
    """
    at = block_for(encoder) if block is None else block
    if not 1 <= at <= encoder.blocks:
        raise UsageError(
            f"{encoder.name} has no block {at}. Choose one from 1 to {encoder.blocks}."
        )
    pairs = [
        (text.lower(), [other.lower() for other in group])
        for text, group in zip(texts, references, strict=True)
    ]
    bare = sum(not group for _, group in pairs)
    if bare:
        raise UsageError(f"{bare} of {len(pairs)} texts have no reference. Give each one or more.")
    every = list(dict.fromkeys(each for text, group in pairs for each in (text, *group)))
    read = dict(zip(every, _read(encoder, every, block=at, batch_size=batch_size), strict=True))
    return np.array(
        [max(_matched(read[text], read[other]).f1 for other in group) for text, group in pairs]
    )


def block_for(encoder: TextFolder) -> int:
    """The block of the published program: 5 of 6 for DistilBERT, 9 of 12 for BERT.

    Raises `UsageError` for a kind of encoder that it is not known for.
    """
    kind = str(encoder.config.model_type)
    known = _BLOCKS | {("distilbert", encoder.blocks): max(1, encoder.blocks - 1)}
    if (kind, encoder.blocks) not in known:
        raise UsageError(
            f"which block of {encoder.name}, a {kind} of {encoder.blocks}, BERTScore goes by is "
            "not known. Name the block, such as the last but one."
        )
    return known[kind, encoder.blocks]


@dataclass(frozen=True, eq=False)
class _Tokens:
    states: Float[Tensor, "tokens dim"]
    counted: Bool[Tensor, " tokens"]


def _matched(candidate: _Tokens, reference: _Tokens) -> Matched:
    return greedy_matching(
        candidate.states, reference.states, counted=(candidate.counted, reference.counted)
    )


@torch.no_grad()
def _read(
    encoder: TextFolder, texts: Sequence[str], *, block: int, batch_size: int
) -> list[_Tokens]:
    """The states of the tokens of each text; padding is left out."""
    found: list[_Tokens] = []
    for first in range(0, len(texts), batch_size):
        ids, mask = encoder.padded(texts[first : first + batch_size])
        states = encoder.states(ids, mask, block=block).float().cpu()
        for row, length in enumerate(mask.sum(dim=1).tolist()):
            counted = torch.ones(length, dtype=torch.bool)
            # The tokenizer puts one at either end.
            counted[[0, -1]] = False
            found.append(_Tokens(states[row, :length], counted))
    return found
