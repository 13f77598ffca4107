"""Networks built in a moment: one with known probabilities, and one with random weights."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from seewhy.models.editing.stepping import EditInputs, Rows, Step, StepTrace


@dataclass(frozen=True)
class Marks:
    """Those of a vocabulary of some number of ids."""

    size: int
    pad: int = 0

    @property
    def unknown(self):
        return self.size - 3

    @property
    def start(self):
        return self.size - 2

    @property
    def end(self):
        return self.size - 1


def inputs_of(captions, *, regions=None, channels=3):
    """Inputs of these captions, each beside regions that depend on its place."""
    width = max(map(len, captions))
    if regions is None:
        generator = torch.Generator().manual_seed(7)
        regions = torch.randn(len(captions), 4, channels, generator=generator)
    return EditInputs(
        torch.tensor([[*each, *[0] * (width - len(each))] for each in captions]),
        torch.tensor([len(each) for each in captions]),
        regions,
        torch.full((len(captions),), regions.shape[1]),
    )


@dataclass(frozen=True, eq=False)
class _Images(Rows):
    numbers: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Prefixes(Rows):
    words: torch.Tensor


class Told(nn.Module):
    """Knows the probability of each word after each beginning: {(): {1: 0.5, 2: 0.5}, ...}.

    There is a table per image, and the first word of a caption says which. After a beginning that
    stands nowhere the end is certain. The trace says which step it was, and in what row.
    """

    def __init__(self, *tables, size):
        super().__init__()
        self.tables, self.vocabulary_size = tables, size
        self.calls = []

    def encode(self, inputs):
        return _Images(inputs.captions[:, 0])

    def begin(self, encoded, *, rows=1):
        return _Prefixes(torch.zeros(len(encoded.numbers) * rows, 0, dtype=torch.long))

    def step(self, words, state, encoded):
        self.calls.append((len(encoded.numbers), len(words)))
        each = len(words) // len(encoded.numbers)
        images = encoded.numbers.repeat_interleave(each).tolist()
        prefixes = torch.cat([state.words, words[:, None]], dim=1)
        written = [tuple(row[1:]) for row in prefixes.tolist()]
        rows = [self._chances(image, before) for image, before in zip(images, written, strict=True)]
        copied = torch.tensor([sum(before) for before in written])
        return Step(torch.tensor(rows).log(), _Prefixes(prefixes), StepTrace(copied=copied))

    def _chances(self, image, before):
        row = [0.0] * self.vocabulary_size
        for word, chance in self.tables[image].get(before, {self.vocabulary_size - 1: 1.0}).items():
            row[word] = chance
        return row


@dataclass(frozen=True, eq=False)
class _Encoded(Rows):
    words: torch.Tensor
    is_word: torch.Tensor
    regions: torch.Tensor
    is_region: torch.Tensor


@dataclass(frozen=True, eq=False)
class _State(Rows):
    hidden: torch.Tensor


class Random(nn.Module):
    """A small recurrent network that looks at the caption and at the image.

    `spread` makes its choices differ, `ends` makes captions end sooner.
    """

    def __init__(self, size=12, *, channels=3, width=8, seed=0, spread=4.0, ends=0.0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.table = nn.Embedding(size, width)
            self.look = nn.Linear(channels, width)
            self.cell = nn.GRUCell(3 * width, width)
            self.out = nn.Linear(width, size)
        self.dropout = nn.Dropout(0.5)
        with torch.no_grad():
            self.out.weight.mul_(spread)
            self.out.bias[-1] += ends
        self.vocabulary_size = size

    def encode(self, inputs):
        places = torch.arange(inputs.captions.shape[1])
        regions = torch.arange(inputs.regions.shape[1])
        return _Encoded(
            self.table(inputs.captions),
            places < inputs.lengths[:, None],
            self.look(inputs.regions),
            regions < inputs.counts[:, None],
        )

    def begin(self, encoded, *, rows=1):
        return _State(encoded.words.new_zeros(len(encoded.words) * rows, self.cell.hidden_size))

    def step(self, words, state, encoded):
        images = len(encoded.words)
        query = state.hidden.view(images, -1, self.cell.hidden_size)
        context, source = _attended(query, encoded.words, encoded.is_word)
        seen, regions = _attended(query, encoded.regions, encoded.is_region)
        given = torch.cat([self.table(words), context, seen], dim=-1)
        hidden = self.cell(given, state.hidden)
        trace = StepTrace(source, regions, source.argmax(-1), source.amax(-1))
        return Step(self.out(self.dropout(hidden)), _State(hidden), trace)


def _attended(query, keys, is_true):
    scores = (query @ keys.transpose(1, 2)).masked_fill(~is_true[:, None], -torch.inf)
    weights = scores.softmax(dim=-1)
    return (weights @ keys).flatten(0, 1), weights.flatten(0, 1)


def captions_of(count, *, seed=0, size=12, longest=6):
    """Random captions of different lengths."""
    generator = np.random.default_rng(seed)
    return [
        generator.integers(1, size - 3, size=generator.integers(1, longest + 1)).tolist()
        for _ in range(count)
    ]
