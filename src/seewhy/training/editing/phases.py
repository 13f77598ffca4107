"""What a network goes down on in each phase, for one batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.errors import InternalError
from seewhy.models.editing.building import Network
from seewhy.models.editing.dcnet import DcNet
from seewhy.models.editing.sampling import Written, greedy_words, sample_words
from seewhy.models.editing.stepping import Rows
from seewhy.models.editing.words import EditVocabulary
from seewhy.training.editing.batches import EditBatch
from seewhy.training.editing.losses import (
    PAD,
    closeness_loss,
    decided_words,
    reward_loss,
    word_loss,
)
from seewhy.training.editing.presets import Phase
from seewhy.training.editing.rewards import CaptionReward

PARTS: Mapping[Phase, tuple[str, ...]] = {
    "xe": ("words",),
    "mse": ("words", "closeness"),
    "rl": ("reward", "greedy reward"),
}
"""What the losses of a phase are told by."""


class Moment(NamedTuple):
    """What a step has beside its batch: the share of the network's own words, and chance."""

    own_share: float
    generator: torch.Generator


class PhaseLoss(NamedTuple):
    """What to go down on, and the figures that it is told by."""

    loss: Float[Tensor, ""]
    parts: dict[str, float]


@runtime_checkable
class Learning(Protocol):
    """What a network, in training mode, learns by."""

    def __call__(self, network: Network, batch: EditBatch, moment: Moment, /) -> PhaseLoss:
        """The loss of a batch."""
        ...


@dataclass(frozen=True, eq=False)
class WordLearning:
    """Cross-entropy of the next word ("xe")."""

    def __call__(self, network: Network, batch: EditBatch, moment: Moment) -> PhaseLoss:
        """The loss of a batch."""
        wanted = batch.targets[:, 1:]
        loss = word_loss(next_word_scores(network, batch, moment), wanted)
        return PhaseLoss(loss, {"words": float(loss.detach())})


@dataclass(frozen=True, eq=False)
class ClosenessLearning:
    """The same, and a written caption's last state has to tell the truth's summary ("mse").

    `projection` is trained too, and of no use afterwards.
    """

    projection: nn.Linear

    def __call__(self, network: Network, batch: EditBatch, _moment: Moment) -> PhaseLoss:
        """The loss of a batch."""
        if not isinstance(network, DcNet):
            raise InternalError(f"{type(network).__name__} has no summaries; DcNet has.")
        found = network.written(batch.inputs, batch.targets[:, :-1])
        words = word_loss(found.scores, batch.targets[:, 1:])
        lengths = (batch.targets != PAD).sum(dim=1)
        # The last word is read, and the end is what is written then.
        rows = torch.arange(len(lengths), device=lengths.device)
        written = self.projection(found.hidden[rows, lengths - 2])
        close = closeness_loss(written, network.summary(batch.targets, lengths))
        parts = {"words": float(words.detach()), "closeness": float(close.detach())}
        return PhaseLoss(words + close, parts)


@dataclass(frozen=True, eq=False)
class RewardLearning:
    """Drawn captions that score better than the likeliest ones get likelier ("rl").

    `limit` is the number of choices that a caption has.
    """

    vocabulary: EditVocabulary
    reward: CaptionReward
    limit: int

    def __call__(self, network: Network, batch: EditBatch, moment: Moment) -> PhaseLoss:
        """The loss of a batch."""
        greedy = greedy_words(network, batch.inputs, self.vocabulary, limit=self.limit)
        drawn = sample_words(
            network,
            batch.inputs,
            self.vocabulary,
            generator=moment.generator,
            limit=self.limit,
        )
        base, found = (self._rewards(written, batch) for written in (greedy, drawn))
        gains = torch.from_numpy(found - base).to(drawn.log_probabilities)
        loss = reward_loss(drawn.log_probabilities, drawn.mask, gains)
        return PhaseLoss(loss, {"reward": float(found.mean()), "greedy reward": float(base.mean())})

    def _rewards(self, written: Written, batch: EditBatch) -> Float[np.ndarray, " batch"]:
        captions = decided_words(written.ids)
        return self.reward(captions, batch.references, keys=batch.keys)


def next_word_scores(
    network: Network, batch: EditBatch, moment: Moment
) -> Float[Tensor, "batch steps vocab"]:
    """Scores of the words after each of the targets but the last.

    With a share of own words, each row reads at each place but the first, by chance, a word drawn
    by the scores of the step before in place of the true one.
    """
    words = batch.targets[:, :-1]
    if not moment.own_share:
        scores: Tensor = network(batch.inputs, words)
        return scores
    encoded = network.encode(batch.inputs)
    state: Rows = network.begin(encoded)
    found: list[Tensor] = []
    for true in words.unbind(dim=1):
        read = _own_words(found[-1], true, moment) if found else true
        step = network.step(read, state, encoded)
        state = step.state
        found.append(step.scores)
    return torch.stack(found, dim=1)


def _own_words(scores: Tensor, true: Tensor, moment: Moment) -> Tensor:
    chances = scores.detach().float().softmax(dim=-1)
    drawn = torch.multinomial(chances, 1, generator=moment.generator)[:, 0]
    shares = torch.rand(len(true), generator=moment.generator, device=true.device)
    return torch.where(shares < moment.own_share, drawn, true)
