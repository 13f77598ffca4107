"""DCNet: a denoising auto-encoder of captions, which sees no image.

Source: Sammani and Melas-Kyriazi, Show, Edit and Tell, CVPR 2020 (arXiv 2003.03107).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seewhy.models.editing.attention import AdditiveAttention, Pointer, attended, places_mask
from seewhy.models.editing.cells import CellState, LstmCell, WordVectors
from seewhy.models.editing.config import DcNetConfig
from seewhy.models.editing.grouping import added, grouped, of_kind
from seewhy.models.editing.sentences import BothWays, Understood
from seewhy.models.editing.stepping import EditInputs, Rows, Step, StepTrace


@dataclass(frozen=True, eq=False)
class DcNetEncoded(Rows):
    """A caption, ready to be asked; `gates` is what its summary adds at every step."""

    ids: Int[Tensor, "images source"]
    words: Bool[Tensor, "images source"]
    states: Float[Tensor, "images source dim"]
    keys: Float[Tensor, "images source width"]
    gates: Float[Tensor, "images gates"]


@dataclass(frozen=True, eq=False)
class DcNetState(Rows):
    """The states of the attention LSTM and of the language LSTM."""

    attention: CellState
    language: CellState


class DcMoment(NamedTuple):
    """All that a step of DCNet finds before it scores words."""

    state: DcNetState
    source: Float[Tensor, "rows source"]
    context: Float[Tensor, "rows dim"]


class DcWritten(NamedTuple):
    """Teacher-forced scores, and the states that they come from (h2)."""

    scores: Float[Tensor, "batch steps vocab"]
    hidden: Float[Tensor, "batch steps dim"]


class DcNet(nn.Module):
    """Reads the caption in both directions and writes it anew."""

    def __init__(self, config: DcNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.words = WordVectors(config.words, width, dropout=config.dropout)
        self.encoder = BothWays(width, width=width, size=width)
        # Word, summary, state of the language LSTM.
        self.attention_lstm = LstmCell((width, width, width), width)
        self.caption_attention = AdditiveAttention(
            width, width, width=config.attention, activation="tanh"
        )
        # State of the attention LSTM, attended caption.
        self.language_lstm = LstmCell((width, width), width)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(width, config.words)
        self.pointer = Pointer(width) if config.pointer else None

    @property
    def vocabulary_size(self) -> int:
        """Word ids are below it."""
        return self.config.words

    def encode(self, inputs: EditInputs) -> DcNetEncoded:
        """All that does not depend on the words written."""
        read = self.encoder(self.words(inputs.captions), inputs.lengths)
        joined = self.attention_lstm.inputs
        return DcNetEncoded(
            ids=inputs.captions,
            words=places_mask(inputs.lengths, inputs.captions.shape[1]),
            states=read.states,
            keys=self.caption_attention.keys(read.states),
            gates=joined.part(1, read.summary) + joined.bias,
        )

    def summary(
        self, captions: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """The encoder's summary of any captions, such as true ones with start and end."""
        read: Understood = self.encoder(self.words(captions), lengths)
        return read.summary

    def begin(self, encoded: Rows, *, rows: int = 1) -> DcNetState:
        """Zeros, `rows` for each image."""
        count = rows * len(of_kind(encoded, DcNetEncoded).ids)
        return DcNetState(self.attention_lstm.begin(count), self.language_lstm.begin(count))

    def step(self, words: Int[Tensor, " rows"], state: Rows, encoded: Rows) -> Step:
        """Scores after these words: logits, or log-probabilities with a pointer."""
        known = of_kind(encoded, DcNetEncoded)
        gates = self.attention_lstm.inputs.part(0, self.words(words))
        moment = self.moment(gates, of_kind(state, DcNetState), known)
        images = len(known.ids)
        scores = self._scores(
            grouped(moment.state.language.hidden, images),
            grouped(moment.context, images),
            weights=grouped(moment.source, images),
            ids=known.ids,
        )
        return Step(scores.flatten(0, 1), moment.state, StepTrace(source=moment.source))

    def forward(
        self, inputs: EditInputs, targets: Int[Tensor, "batch steps"]
    ) -> Float[Tensor, "batch steps vocab"]:
        """Scores of the words after each of `targets`, which begin with the start's id."""
        return self.written(inputs, targets).scores

    def written(self, inputs: EditInputs, targets: Int[Tensor, "batch steps"]) -> DcWritten:
        """The same, with the states that the stage of mean squared error compares."""
        encoded = self.encode(inputs)
        gates = self.attention_lstm.inputs.part(0, self.words(targets))
        state = self.begin(encoded)
        moments = []
        for each in gates.unbind(dim=1):
            moments.append(self.moment(each, state, encoded))
            state = moments[-1].state
        hidden = torch.stack([each.state.language.hidden for each in moments], dim=1)
        scores = self._scores(
            hidden,
            torch.stack([each.context for each in moments], dim=1),
            weights=torch.stack([each.source for each in moments], dim=1),
            ids=encoded.ids,
        )
        return DcWritten(scores, hidden)

    def moment(
        self, gates: Float[Tensor, "rows gates"], state: DcNetState, encoded: DcNetEncoded
    ) -> DcMoment:
        """One step, up to the state that words are scored from; `gates` are those of the word."""
        before = gates + self.attention_lstm.inputs.part(2, state.language.hidden)
        attention = self.attention_lstm.advance(added(before, encoded.gates), state.attention)
        source = self.caption_attention(attention.hidden, encoded.keys, encoded.words)
        context = attended(source, encoded.states)
        joined = self.language_lstm.inputs(attention.hidden, context)
        language = self.language_lstm.advance(joined, state.language)
        return DcMoment(DcNetState(attention, language), source, context)

    def _scores(
        self,
        hidden: Float[Tensor, "images each dim"],
        context: Float[Tensor, "images each dim"],
        *,
        weights: Float[Tensor, "images each source"],
        ids: Int[Tensor, "images source"],
    ) -> Float[Tensor, "images each vocab"]:
        logits: Tensor = self.output(self.dropout(hidden))
        if self.pointer is None:
            return logits
        seen = torch.cat([hidden, context], dim=2)
        mixed: Tensor = self.pointer(logits, seen, weights=weights, ids=ids)
        return mixed


class SummaryProjection(nn.Linear):
    """The map that the stage of mean squared error adds on the last state, for training alone.

    Its output is compared with `DcNet.summary` of the true caption.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, width)
