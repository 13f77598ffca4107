"""What a caption editor learns by, in each of its phases."""

from collections.abc import Iterable

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

PAD = 0
Words = Int[Tensor, "batch steps"]


def word_loss(scores: Float[Tensor, "batch steps vocab"], words: Words) -> Float[Tensor, ""]:
    """Cross-entropy of the words that were to come; pads are none.

    The mean is over all words of the batch, not over captions: long ones count more.
    """
    is_word = words != PAD
    return functional.cross_entropy(scores[is_word].float(), words[is_word])


def closeness_loss(
    written: Float[Tensor, "batch size"], wanted: Float[Tensor, "batch size"]
) -> Float[Tensor, ""]:
    """The mean square of what lies between a written caption and the true one, as summaries.

    The true one's summary learns as well: it is computed by the network that is trained.
    Source: Sammani and Melas-Kyriazi, Show, Edit and Tell, CVPR 2020 (DCNet's second stage).
    """
    return functional.mse_loss(written, wanted)


def reward_loss(
    log_probabilities: Float[Tensor, "batch steps"],
    is_choice: Bool[Tensor, "batch steps"],
    rewards: Float[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Make words likelier that were written in captions with a positive reward, and rarer others.

    `is_choice` holds for each word of a caption and for its end, which all have its reward. The
    mean is over all choices of the batch.
    Source: Rennie et al., Self-critical sequence training for image captioning, CVPR 2017.
    """
    counted = is_choice.to(log_probabilities.dtype)
    total = (rewards[:, None].to(counted.dtype) * log_probabilities * counted).sum()
    return -total / counted.sum()


def decided_words(words: Words) -> tuple[tuple[int, ...], ...]:
    """Each caption with one 0 as its end, or without where it was cut off."""
    return tuple(tuple(_until_end(row)) for row in words.tolist())


def _until_end(row: Iterable[int]) -> Iterable[int]:
    for word in row:
        yield word
        if word == PAD:
            return
