"""Captions for self-critical training: the likeliest words, and words that are drawn."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from seewhy.models.editing.decoded import WordMarks, full_scores, quiet
from seewhy.models.editing.stepping import EditInputs, EditorNetwork

LIMIT = 18
"""The published number of choices."""

Choice = Callable[[Float[Tensor, "batch vocab"]], Int[Tensor, " batch"]]


class Written(NamedTuple):
    """Words, 0 from the end on, and the logarithm of the probability of each choice.

    That of the end stands where the first 0 is; behind it they are 0.
    """

    ids: Int[Tensor, "batch limit"]
    log_probabilities: Float[Tensor, "batch limit"]

    @property
    def mask(self) -> Bool[Tensor, "batch limit"]:
        """Where a choice was made: at every word and at the first 0."""
        is_open = self.ids[:, :-1] > 0
        return torch.cat([torch.ones_like(self.ids[:, :1], dtype=torch.bool), is_open], dim=1)


def greedy_words(
    network: EditorNetwork, inputs: EditInputs, marks: WordMarks, *, limit: int = LIMIT
) -> Written:
    """The likeliest word each time, in evaluation mode and without gradients.

    No word is forbidden. The network is left as it is found.
    """
    with quiet(network):
        found = _written(
            network, inputs, marks, limit=limit, choose=lambda scores: scores.argmax(dim=-1)
        )
    # Tensors of inference mode could not take part in a loss.
    return Written(*(tensor.clone() for tensor in found))


def sample_words(
    network: EditorNetwork,
    inputs: EditInputs,
    marks: WordMarks,
    *,
    generator: Generator,
    limit: int = LIMIT,
) -> Written:
    """Words drawn by their probabilities, with gradients, in the mode the network is in.

    The published recipe draws in training mode. No word is forbidden, so that the
    log-probabilities are those of what was drawn; a drawn pad ends a caption, too.
    """

    def draw(log_probabilities: Tensor) -> Tensor:
        chances = log_probabilities.detach().exp()
        return torch.multinomial(chances, 1, generator=generator)[:, 0]

    return _written(network, inputs, marks, limit=limit, choose=draw)


def _written(
    network: EditorNetwork,
    inputs: EditInputs,
    marks: WordMarks,
    *,
    limit: int,
    choose: Choice,
) -> Written:
    encoded = network.encode(inputs)
    state = network.begin(encoded)
    words = torch.full_like(inputs.lengths, marks.start)
    is_open = torch.ones_like(words, dtype=torch.bool)
    ids: list[Tensor] = []
    log_probabilities: list[Tensor] = []
    for _ in range(limit):
        step = network.step(words, state, encoded)
        scores = full_scores(step.scores).log_softmax(dim=-1)
        chosen = choose(scores)
        own = scores.gather(1, chosen[:, None])[:, 0]
        log_probabilities.append(own.where(is_open, torch.zeros_like(own)))
        is_open = is_open & (chosen != marks.end) & (chosen != marks.pad)
        words = chosen.where(is_open, torch.zeros_like(chosen))
        ids.append(words)
        state = step.state
        if not is_open.any():
            break
    rest = (0, limit - len(ids))
    return Written(
        torch.nn.functional.pad(torch.stack(ids, dim=1), rest),
        torch.nn.functional.pad(torch.stack(log_probabilities, dim=1), rest),
    )
