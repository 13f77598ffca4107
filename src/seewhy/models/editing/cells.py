"""Recurrent cells of caption editors, and the word vectors that go into them.

Source: Sammani and Melas-Kyriazi, Show, Edit and Tell, CVPR 2020 (the Copy-LSTM).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from seewhy.models.editing.stepping import Rows


@dataclass(frozen=True, eq=False)
class CellState(Rows):
    """What a recurrent cell carries on."""

    hidden: Float[Tensor, "rows dim"]
    cell: Float[Tensor, "rows dim"]


class Candidate(NamedTuple):
    """The new cell of an ordinary LSTM, and its output gate, 0 to 1."""

    cell: Float[Tensor, "rows dim"]
    output: Float[Tensor, "rows dim"]


class CopyStep(NamedTuple):
    """One step of the Copy-LSTM: `gate` is the share of the copied memory, 0 to 1."""

    state: CellState
    candidate: Float[Tensor, "rows dim"]
    gate: Float[Tensor, "rows dim"]


def lstm_candidate(
    cell: Float[Tensor, "rows dim"], gates: Float[Tensor, "rows 4*dim"]
) -> Candidate:
    """The LSTM's formula; `gates` before squashing are input, forget, candidate, output."""
    input_, forget, candidate, output = gates.chunk(4, dim=1)
    new = forget.sigmoid() * cell + input_.sigmoid() * candidate.tanh()
    return Candidate(new, output.sigmoid())


def lstm_state(cell: Float[Tensor, "rows dim"], gates: Float[Tensor, "rows 4*dim"]) -> CellState:
    """The next state of an ordinary LSTM."""
    candidate = lstm_candidate(cell, gates)
    return CellState(candidate.output * candidate.cell.tanh(), candidate.cell)


def copied_state(
    candidate: Candidate, memory: Float[Tensor, "rows dim"], gate: Float[Tensor, "rows dim"]
) -> CellState:
    """The cell moved towards a memory by the gate; the moved cell is what is carried on."""
    cell = gate * memory + (1 - gate) * candidate.cell
    return CellState(candidate.output * cell.tanh(), cell)


def fill_uniform(module: nn.Module, bound: float) -> None:
    """Draw every parameter between -bound and bound."""
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -bound, bound)


class PartedLinear(nn.Module):
    """An affine map of inputs laid end to end, whose weights are kept apart by input.

    What does not change from step to step is multiplied once. Drawn as `nn.Linear` is, or between
    -bound and bound.
    """

    def __init__(self, inputs: Sequence[int], outputs: int, *, bound: float | None = None) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.empty(outputs, width) for width in inputs)
        self.bias = nn.Parameter(torch.empty(outputs))
        fill_uniform(self, bound if bound is not None else sum(inputs) ** -0.5)

    def part(
        self, place: int, tensor: Float[Tensor, "*rows dim"]
    ) -> Float[Tensor, "*rows outputs"]:
        """What this input adds, without the bias."""
        return functional.linear(tensor, self.weights[place])

    def forward(self, *tensors: Float[Tensor, "*rows _"]) -> Float[Tensor, "*rows outputs"]:
        """The whole map."""
        parts = [self.part(place, tensor) for place, tensor in enumerate(tensors)]
        return torch.stack(parts).sum(dim=0) + self.bias if len(parts) > 1 else parts[0] + self.bias


class LstmCell(nn.Module):
    """An LSTM cell with two biased projections, of the inputs and of its state."""

    def __init__(self, inputs: Sequence[int], width: int) -> None:
        super().__init__()
        self.width = width
        self.inputs = PartedLinear(inputs, 4 * width, bound=width**-0.5)
        self.state = nn.Linear(width, 4 * width)
        fill_uniform(self.state, width**-0.5)

    def begin(self, rows: int) -> CellState:
        """The state before the first step."""
        zeros = self.inputs.bias.new_zeros(rows, self.width)
        return CellState(zeros, zeros)

    def advance(self, gates: Float[Tensor, "rows gates"], state: CellState) -> CellState:
        """The next state from what `inputs` gives."""
        return lstm_state(state.cell, gates + self.state(state.hidden))


class CopyLstmCell(nn.Module):
    """The Copy-LSTM: an LSTM whose new cell is mixed with a memory by a learnt gate.

    c' = q m + (1 - q) c, q = sigmoid(lin(c) + lin(m)), c the cell of an ordinary LSTM.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.inputs = nn.Linear(inputs, 4 * width)
        self.state = nn.Linear(width, 4 * width)
        self.candidate_gate = nn.Linear(width, width)
        self.memory_gate = nn.Linear(width, width)
        fill_uniform(self, width**-0.5)

    def begin(self, rows: int) -> CellState:
        """The state before the first step."""
        zeros = self.inputs.weight.new_zeros(rows, self.width)
        return CellState(zeros, zeros)

    def forward(
        self,
        inputs: Float[Tensor, "rows inputs"],
        state: CellState,
        *,
        memory: Float[Tensor, "rows dim"],
    ) -> CopyStep:
        """The next state, and how much of the memory went into it."""
        gates = self.inputs(inputs) + self.state(state.hidden)
        candidate = lstm_candidate(state.cell, gates)
        gate = (self.candidate_gate(candidate.cell) + self.memory_gate(memory)).sigmoid()
        return CopyStep(copied_state(candidate, memory, gate), candidate.cell, gate)


class WordVectors(nn.Module):
    """A table of words with a ReLU and dropout behind it, as published."""

    def __init__(self, words: int, width: int, *, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(words, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Int[Tensor, "*rows"]) -> Float[Tensor, "*rows dim"]:
        """One vector per id, none below zero."""
        vectors: Tensor = self.dropout(self.table(ids).relu())
        return vectors


def at_last(
    tensor: Float[Tensor, "batch steps dim"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch dim"]:
    """Each row's vector at its last place, `lengths` counted from 1."""
    rows = torch.arange(len(tensor), device=tensor.device)
    return tensor[rows, lengths - 1]
