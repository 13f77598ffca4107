"""EditNet: reads a caption, looks at the image, and copies from the caption's memory.

Source: Sammani and Melas-Kyriazi, Show, Edit and Tell, CVPR 2020 (arXiv 2003.03107).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seewhy.models.editing.attention import (
    AdditiveAttention,
    ContextGate,
    Pointer,
    WordShares,
    attended,
    places_mask,
    select_memory,
    true_mean,
)
from seewhy.models.editing.cells import CellState, CopyLstmCell, LstmCell, WordVectors, at_last
from seewhy.models.editing.config import EditNetConfig
from seewhy.models.editing.grouping import added, grouped, of_kind
from seewhy.models.editing.stepping import EditInputs, Rows, Step, StepTrace


class Remembered(NamedTuple):
    """A caption read: hidden and memory states of each word, zero behind the last."""

    hidden: Float[Tensor, "batch source dim"]
    memory: Float[Tensor, "batch source dim"]
    summary: Float[Tensor, "batch dim"]


class CaptionMemory(nn.Module):
    """The caption encoder: an LSTM that keeps its memory states.

    The summary is tanh(lin(last hidden state)), from -1 to 1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = LstmCell((width,), width)
        self.summary = nn.Linear(width, width)

    def forward(
        self, vectors: Float[Tensor, "batch source dim"], lengths: Int[Tensor, " batch"]
    ) -> Remembered:
        """What is remembered of the words before `lengths`."""
        gates = self.cell.inputs(vectors[:, : int(lengths.max())])
        state = self.cell.begin(len(vectors))
        states = []
        for each in gates.unbind(dim=1):
            state = self.cell.advance(each, state)
            states.append(state)
        left = vectors.shape[1] - len(states)
        kept = places_mask(lengths, vectors.shape[1])[..., None]
        hidden, memory = (
            nn.functional.pad(torch.stack(each, dim=1), (0, 0, 0, left)) * kept
            for each in ([s.hidden for s in states], [s.cell for s in states])
        )
        return Remembered(hidden, memory, self.summary(at_last(hidden, lengths)).tanh())


@dataclass(frozen=True, eq=False)
class EditNetEncoded(Rows):
    """A caption and an image, ready to be asked.

    `gates` is what summary and image mean add to the attention LSTM at every step.
    """

    ids: Int[Tensor, "images source"]
    words: Bool[Tensor, "images source"]
    hidden: Float[Tensor, "images source dim"]
    memory: Float[Tensor, "images source dim"]
    word_keys: Float[Tensor, "images source width"]
    regions: Float[Tensor, "images regions channels"]
    seen: Bool[Tensor, "images regions"]
    region_keys: Float[Tensor, "images regions width"]
    gates: Float[Tensor, "images gates"]


@dataclass(frozen=True, eq=False)
class EditNetState(Rows):
    """The states of the attention LSTM and of the Copy-LSTM."""

    attention: CellState
    copy: CellState


class EditWord(NamedTuple):
    """What the word that was written last adds, wherever it goes in."""

    gates: Float[Tensor, "rows gates"]
    shares: WordShares


class EditMoment(NamedTuple):
    """All that a step of EditNet finds before it scores words."""

    state: EditNetState
    source: Float[Tensor, "rows source"]
    context: Float[Tensor, "rows dim"]
    context_gate: Float[Tensor, "rows dim"]
    regions: Float[Tensor, "rows regions"]
    image: Float[Tensor, "rows channels"]
    memory: Float[Tensor, "rows dim"]
    copy_gate: Float[Tensor, "rows dim"]


class EditNet(nn.Module):
    """Reads the caption, looks at regions, and copies memory states of the caption.

    In training mode dropout of the regions' embeddings is drawn once for a caption, not once for
    each of its words.
    """

    def __init__(self, config: EditNetConfig) -> None:
        super().__init__()
        self.config = config
        width, features = config.width, config.features
        self.words = WordVectors(config.words, width, dropout=config.dropout)
        self.encoder = CaptionMemory(width)
        # Word, summary, state of the Copy-LSTM, image mean.
        self.attention_lstm = LstmCell((width, width, width, features), width)
        self.caption_attention = AdditiveAttention(
            width, width, width=config.attention, activation="tanh"
        )
        self.context_gate = ContextGate(width)
        self.region_vectors = nn.Linear(features, width)
        self.region_attention = AdditiveAttention(
            width, width, width=config.attention, activation="relu"
        )
        self.copy_lstm = CopyLstmCell(2 * width + features, width)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(width, config.words)
        self.pointer = Pointer(width) if config.pointer else None

    @property
    def vocabulary_size(self) -> int:
        """Word ids are below it."""
        return self.config.words

    def encode(self, inputs: EditInputs) -> EditNetEncoded:
        """All that does not depend on the words written."""
        words = places_mask(inputs.lengths, inputs.captions.shape[1])
        seen = places_mask(inputs.counts, inputs.regions.shape[1])
        read = self.encoder(self.words(inputs.captions), inputs.lengths)
        regions = inputs.regions.masked_fill(~seen[..., None], 0)
        vectors = self.dropout(self.region_vectors(regions).relu())
        joined = self.attention_lstm.inputs
        mean = true_mean(regions, seen)
        return EditNetEncoded(
            ids=inputs.captions,
            words=words,
            hidden=read.hidden,
            memory=read.memory,
            word_keys=self.caption_attention.keys(read.hidden),
            regions=regions,
            seen=seen,
            region_keys=self.region_attention.keys(vectors),
            gates=joined.part(1, read.summary) + joined.part(3, mean) + joined.bias,
        )

    def begin(self, encoded: Rows, *, rows: int = 1) -> EditNetState:
        """Zeros, `rows` for each image."""
        count = rows * len(of_kind(encoded, EditNetEncoded).ids)
        return EditNetState(self.attention_lstm.begin(count), self.copy_lstm.begin(count))

    def step(self, words: Int[Tensor, " rows"], state: Rows, encoded: Rows) -> Step:
        """Scores after these words: logits, or log-probabilities with a pointer."""
        known = of_kind(encoded, EditNetEncoded)
        word = _at_step(*self._shares(self.words(words)))
        moment = self.moment(word, of_kind(state, EditNetState), known)
        images = len(known.ids)
        scores = self._scores(
            grouped(moment.state.copy.hidden, images),
            grouped(moment.context, images),
            weights=grouped(moment.source, images),
            ids=known.ids,
        )
        trace = StepTrace(
            source=moment.source,
            regions=moment.regions,
            copied=moment.source.argmax(dim=1),
            copy_gate=moment.copy_gate.mean(dim=1),
            context_gate=moment.context_gate.mean(dim=1),
        )
        return Step(scores.flatten(0, 1), moment.state, trace)

    def forward(
        self, inputs: EditInputs, targets: Int[Tensor, "batch steps"]
    ) -> Float[Tensor, "batch steps vocab"]:
        """Scores of the words after each of `targets`, which begin with the start's id."""
        encoded = self.encode(inputs)
        shares = self._shares(self.words(targets))
        state = self.begin(encoded)
        moments = []
        for parts in zip(*(each.unbind(dim=1) for each in shares), strict=True):
            moments.append(self.moment(_at_step(*parts), state, encoded))
            state = moments[-1].state
        return self._scores(
            torch.stack([each.state.copy.hidden for each in moments], dim=1),
            torch.stack([each.context for each in moments], dim=1),
            weights=torch.stack([each.source for each in moments], dim=1),
            ids=encoded.ids,
        )

    def moment(self, word: EditWord, state: EditNetState, encoded: EditNetEncoded) -> EditMoment:
        """One step, up to the state that words are scored from."""
        gates = word.gates + self.attention_lstm.inputs.part(2, state.copy.hidden)
        attention = self.attention_lstm.advance(added(gates, encoded.gates), state.attention)
        hidden = attention.hidden
        source = self.caption_attention(hidden, encoded.word_keys, encoded.words)
        context = self.context_gate(word.shares, hidden, attended(source, encoded.hidden))
        regions = self.region_attention(hidden, encoded.region_keys, encoded.seen)
        image = attended(regions, encoded.regions)
        memory = select_memory(source, encoded.memory, by=self.config.selection)
        joined = torch.cat([hidden, context.context, image], dim=1)
        copy = self.copy_lstm(joined, state.copy, memory=memory)
        return EditMoment(
            state=EditNetState(attention, copy.state),
            source=source,
            context=context.context,
            context_gate=context.gate,
            regions=regions,
            image=image,
            memory=memory,
            copy_gate=copy.gate,
        )

    def _shares(self, vectors: Float[Tensor, "*rows dim"]) -> tuple[Tensor, Tensor, Tensor]:
        """What word vectors add to the attention LSTM and to both maps of the context gate."""
        gate, target = self.context_gate.shares(vectors)
        return self.attention_lstm.inputs.part(0, vectors), gate, target

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


def _at_step(gates: Tensor, gate: Tensor, target: Tensor) -> EditWord:
    return EditWord(gates, WordShares(gate, target))
