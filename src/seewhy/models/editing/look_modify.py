"""Look and Modify: a residual of the image beside what is kept of the caption's embedding.

Source: Sammani and Elsayed, Look and Modify, BMVC 2019 (arXiv 1909.03169). The sentence encoders
are told apart in `sentences`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.editing.attention import AdditiveAttention, attended, places_mask, true_mean
from seewhy.models.editing.cells import CellState, LstmCell, PartedLinear
from seewhy.models.editing.config import LookModifyConfig
from seewhy.models.editing.grouping import added, grouped, of_kind
from seewhy.models.editing.sentences import MeanSentence, OrderedSentence
from seewhy.models.editing.stepping import EditInputs, Rows, Step, StepTrace

_SPREAD = 0.1


@dataclass(frozen=True, eq=False)
class LookModifyEncoded(Rows):
    """A caption and an image, ready to be asked.

    `gates`, `sentinel` and `language` are what does not change from step to step of the attention
    LSTM, of the sentinel's gate and of the language LSTM; `kept` is that of the residual gate.
    """

    sentence: Float[Tensor, "images size"]
    regions: Float[Tensor, "images regions channels"]
    seen: Bool[Tensor, "images regions"]
    region_keys: Float[Tensor, "images regions size"]
    gates: Float[Tensor, "images gates"]
    sentinel: Float[Tensor, "images dim"]
    language: Float[Tensor, "images gates"]
    kept: Float[Tensor, "images size"]


@dataclass(frozen=True, eq=False)
class LookModifyState(Rows):
    """The states of both LSTMs, and the mask that is drawn once for a sentence in training.

    The mask is on the hidden states already: masked ones are carried on.
    """

    attention: CellState
    language: CellState
    mask: Float[Tensor, "rows dim"] | None = None


class LookWord(NamedTuple):
    """What the word that was written last adds to the attention LSTM and to the sentinel."""

    gates: Float[Tensor, "rows gates"]
    sentinel: Float[Tensor, "rows dim"]


class LookMoment(NamedTuple):
    """All that a step of Look and Modify finds before it scores words."""

    state: LookModifyState
    sentinel: Float[Tensor, "rows dim"]
    regions: Float[Tensor, "rows regions"]
    image: Float[Tensor, "rows channels"]
    known: Float[Tensor, "rows size"]
    residual: Float[Tensor, "rows size"]


class AttributeVector(nn.Module):
    """tanh(lin(tanh(lin(mean of the attributes' word vectors)))), as wide, from -1 to 1."""

    def __init__(self, embedding: int) -> None:
        super().__init__()
        self.first = nn.Linear(embedding, embedding)
        self.second = nn.Linear(embedding, embedding)

    def forward(
        self, vectors: Float[Tensor, "batch attributes embedding"]
    ) -> Float[Tensor, "batch embedding"]:
        """One vector per image."""
        decoded: Tensor = self.second(self.first(vectors.mean(dim=1)).tanh()).tanh()
        return decoded


class LookModify(nn.Module):
    """Adds what it sees to a gated copy of the caption's embedding, and scores words from the sum.

    Without attributes their vector is zero.
    """

    def __init__(self, config: LookModifyConfig) -> None:
        super().__init__()
        self.config = config
        width, size, features = config.width, config.attention, config.features
        self.words = nn.Embedding(config.words, config.embedding)
        self.sentence = _sentence(config)
        self.attributes = AttributeVector(config.embedding)
        # State of the language LSTM, image mean, word, sentence: in the order of both maps.
        inputs = (width, features, config.embedding, size)
        self.attention_lstm = LstmCell(inputs, width)
        self.sentinel_inputs = PartedLinear(inputs, width)
        self.sentinel_state = nn.Linear(width, width)
        self.region_attention = AdditiveAttention(
            features, width, width=size, activation="relu", dropout=config.dropout
        )
        self.kept_sentence = nn.Linear(size, size)
        self.kept_sentinel = nn.Linear(width, size)
        # Attended image, state of the attention LSTM, attributes.
        self.language_lstm = LstmCell((features, width, config.embedding), width)
        self.residual = nn.Linear(width, size)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(size, config.words)
        nn.init.uniform_(self.words.weight, -_SPREAD, _SPREAD)
        nn.init.uniform_(self.output.weight, -_SPREAD, _SPREAD)
        nn.init.zeros_(self.output.bias)

    @property
    def vocabulary_size(self) -> int:
        """Word ids are below it."""
        return self.config.words

    def encode(self, inputs: EditInputs) -> LookModifyEncoded:
        """All that does not depend on the words written.

        `UsageError` where the sentences' embeddings are to be given and are not.
        """
        seen = places_mask(inputs.counts, inputs.regions.shape[1])
        regions = inputs.regions.masked_fill(~seen[..., None], 0)
        sentence = self.sentences(inputs)
        mean = true_mean(regions, seen)
        joined, sentinel = self.attention_lstm.inputs, self.sentinel_inputs
        language = self.language_lstm.inputs
        return LookModifyEncoded(
            sentence=sentence,
            regions=regions,
            seen=seen,
            region_keys=self.region_attention.keys(regions),
            gates=joined.part(1, mean) + joined.part(3, sentence) + joined.bias,
            sentinel=sentinel.part(1, mean) + sentinel.part(3, sentence) + sentinel.bias,
            language=language.part(2, self.attribute_vectors(inputs)) + language.bias,
            kept=self.kept_sentence(sentence),
        )

    def sentences(self, inputs: EditInputs) -> Float[Tensor, "batch size"]:
        """The embedding of each caption."""
        if self.sentence is not None:
            embeddings: Tensor = self.sentence(inputs.captions, inputs.lengths)
            return embeddings
        if inputs.sentences is None:
            raise UsageError(
                "this Look-and-Modify editor wants an embedding of each caption, and none came. "
                "Give `sentences`, or use an editor that makes its own."
            )
        return inputs.sentences

    def attribute_vectors(self, inputs: EditInputs) -> Float[Tensor, "batch embedding"]:
        """The vector of each image's attributes, zeros where there are none."""
        if inputs.attributes is None:
            return self.output.weight.new_zeros(len(inputs), self.config.embedding)
        vectors: Tensor = self.attributes(self.words(inputs.attributes))
        return vectors

    def begin(self, encoded: Rows, *, rows: int = 1) -> LookModifyState:
        """Zeros, `rows` for each image; in training mode with a mask drawn for each row."""
        count = rows * len(of_kind(encoded, LookModifyEncoded).sentence)
        attention, language = self.attention_lstm.begin(count), self.language_lstm.begin(count)
        if not self.training or not self.config.dropout:
            return LookModifyState(attention, language)
        return LookModifyState(attention, language, self.dropout(torch.ones_like(attention.hidden)))

    def step(self, words: Int[Tensor, " rows"], state: Rows, encoded: Rows) -> Step:
        """Logits after these words."""
        word = LookWord(*self._shares(self.words(words)))
        moment = self.moment(
            word, of_kind(state, LookModifyState), of_kind(encoded, LookModifyEncoded)
        )
        known, residual = moment.known.norm(dim=1), moment.residual.norm(dim=1)
        share = known / (known + residual).clamp(min=torch.finfo(known.dtype).tiny)
        trace = StepTrace(regions=moment.regions, kept=share)
        return Step(self._scores(moment.residual + moment.known), moment.state, trace)

    def forward(
        self, inputs: EditInputs, targets: Int[Tensor, "batch steps"]
    ) -> Float[Tensor, "batch steps vocab"]:
        """Scores of the words after each of `targets`, which begin with the start's id."""
        encoded = self.encode(inputs)
        return self.written(targets, self.begin(encoded), encoded)

    def written(
        self,
        targets: Int[Tensor, "batch steps"],
        state: LookModifyState,
        encoded: LookModifyEncoded,
    ) -> Float[Tensor, "batch steps vocab"]:
        """The same from a state, whose mask may be anybody's."""
        shares = self._shares(self.words(targets))
        sums = []
        for parts in zip(*(each.unbind(dim=1) for each in shares), strict=True):
            moment = self.moment(LookWord(*parts), state, encoded)
            sums.append(moment.residual + moment.known)
            state = moment.state
        return self._scores(torch.stack(sums, dim=1))

    def moment(
        self, word: LookWord, state: LookModifyState, encoded: LookModifyEncoded
    ) -> LookMoment:
        """One step, up to what words are scored from."""
        before = state.attention.hidden
        gates = word.gates + self.attention_lstm.inputs.part(0, state.language.hidden)
        attention = self.attention_lstm.advance(added(gates, encoded.gates), state.attention)
        opened = word.sentinel + self.sentinel_inputs.part(0, state.language.hidden)
        opened = added(opened, encoded.sentinel) + self.sentinel_state(before)
        sentinel = opened.sigmoid() * attention.cell.tanh()
        attention = _masked(attention, state.mask)
        regions = self.region_attention(attention.hidden, encoded.region_keys, encoded.seen)
        image = attended(regions, encoded.regions)
        known = self._known(sentinel, encoded)
        spoken = self.language_lstm.inputs
        joined = spoken.part(0, image) + spoken.part(1, attention.hidden)
        language = self.language_lstm.advance(added(joined, encoded.language), state.language)
        language = _masked(language, state.mask)
        return LookMoment(
            state=LookModifyState(attention, language, state.mask),
            sentinel=sentinel,
            regions=regions,
            image=image,
            known=known,
            residual=self.residual(language.hidden).tanh(),
        )

    def _known(
        self, sentinel: Float[Tensor, "rows dim"], encoded: LookModifyEncoded
    ) -> Float[Tensor, "rows size"]:
        """What is kept of the caption: sigmoid(lin(u) + lin(sentinel)) u."""
        gate = added(self.kept_sentinel(sentinel), encoded.kept).sigmoid()
        sentence = encoded.sentence
        return (grouped(gate, len(sentence)) * sentence[:, None]).flatten(0, 1)

    def _shares(self, vectors: Float[Tensor, "*rows embedding"]) -> tuple[Tensor, Tensor]:
        return self.attention_lstm.inputs.part(2, vectors), self.sentinel_inputs.part(2, vectors)

    def _scores(self, found: Float[Tensor, "*rows size"]) -> Float[Tensor, "*rows vocab"]:
        scores: Tensor = self.output(self.dropout(found))
        return scores


def _sentence(config: LookModifyConfig) -> MeanSentence | OrderedSentence | None:
    if config.sentence == "given":
        return None
    kind = MeanSentence if config.sentence == "mean" else OrderedSentence
    return kind(config.words, width=config.embedding, size=config.attention)


def _masked(state: CellState, mask: Float[Tensor, "rows dim"] | None) -> CellState:
    return state if mask is None else CellState(state.hidden * mask, state.cell)
