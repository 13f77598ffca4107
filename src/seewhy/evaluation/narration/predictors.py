"""Classifiers that tell the answer from a question and a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seewhy.evaluation.narration.explain_predict import RowLengths, Special, predict_row
from seewhy.models.guard import device_of
from seewhy.models.text_folder import TextFolder

HASHES = 2**13
HASHED_NAME = "hashed words"

_DROPOUT = 0.2


@runtime_checkable
class Rows(Protocol):
    """Items as a predictor reads them, prepared once."""

    def __len__(self) -> int:
        """How many."""
        ...

    def at(self, places: Int[Tensor, " items"]) -> Tensor:
        """Those at these places."""
        ...


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Ids of tokens and, below them, the mask."""

    ids: Int[Tensor, "items 2 tokens"]

    def __len__(self) -> int:
        """How many."""
        return len(self.ids)

    def at(self, places: Int[Tensor, " items"]) -> Int[Tensor, "_ 2 tokens"]:
        """Those at these places."""
        return self.ids[places]


@dataclass(frozen=True, eq=False)
class HashedRows:
    """Counts by hash, in a sparse matrix of SciPy."""

    matrix: Any

    def __len__(self) -> int:
        """How many."""
        return int(self.matrix.shape[0])

    def at(self, places: Int[Tensor, " items"]) -> Float[Tensor, "_ hashes"]:
        """Those at these places, no longer sparse."""
        return torch.from_numpy(self.matrix[places.numpy()].toarray())


@runtime_checkable
class Predictor(Protocol):
    """A trainable classifier of questions with reasons."""

    name: str
    module: nn.Module

    def prepared(self, questions: Sequence[str | None], reasons: Sequence[str]) -> Rows:
        """A row per item."""
        ...

    def logits(self, rows: Tensor) -> Float[Tensor, "items classes"]:
        """Class scores of some of the rows, with gradients where they are wanted."""
        ...


class HashedPredictor:
    """One linear layer over hashed words and pairs of words, question and reason apart.

    It needs no weights, and is a stand-in: a reason that tells the answer only together with its
    question, it cannot follow.
    """

    name: str = HASHED_NAME

    def __init__(self, classes: int, *, hashes: int = HASHES) -> None:
        layer = nn.Linear(2 * hashes, classes)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        self.module: nn.Module = layer
        self.hashes = hashes

    def prepared(self, questions: Sequence[str | None], reasons: Sequence[str]) -> HashedRows:
        """Questions and reasons side by side, each of unit length."""
        from scipy import sparse
        from sklearn.feature_extraction.text import HashingVectorizer

        hashed = HashingVectorizer(
            n_features=self.hashes, ngram_range=(1, 2), token_pattern=r"\w+", dtype="float32"
        )
        halves = [hashed.transform([text or "" for text in each]) for each in (questions, reasons)]
        return HashedRows(sparse.hstack(halves, format="csr"))

    def logits(self, rows: Tensor) -> Float[Tensor, "items classes"]:
        """The layer's."""
        found: Tensor = self.module(rows.to(device_of(self.module)))
        return found


class EncoderPredictor:
    """A text encoder and the published head on its first token, all of it trained.

    Linear, ReLU, dropout 0.2, linear. The encoder given is trained in place.
    """

    def __init__(
        self, encoder: TextFolder, classes: int, *, lengths: RowLengths, seed: int = 0
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = nn.Sequential(
                nn.Linear(encoder.width, encoder.width),
                nn.ReLU(),
                nn.Dropout(_DROPOUT),
                nn.Linear(encoder.width, classes),
            )
        self.name = encoder.name
        self.encoder, self.lengths = encoder, lengths
        self.head = head.to(device_of(encoder.module))
        self.module: nn.Module = nn.ModuleList([encoder.module, self.head])

    def prepared(self, questions: Sequence[str | None], reasons: Sequence[str]) -> TokenRows:
        """The published rows."""
        special = Special(*self.encoder.special)
        found = []
        for question, reason in zip(questions, reasons, strict=True):
            row = predict_row(
                None if question is None else self.encoder.pieces(question),
                self.encoder.pieces(reason),
                lengths=self.lengths,
                special=special,
            )
            found.append([self.encoder.ids(row.tokens), list(row.mask)])
        return TokenRows(torch.tensor(found, dtype=torch.int64).reshape(-1, 2, self.lengths.row))

    def logits(self, rows: Tensor) -> Float[Tensor, "items classes"]:
        """The head's."""
        states = self.encoder.states(rows[:, 0], rows[:, 1])
        found: Tensor = self.head(states[:, 0])
        return found
