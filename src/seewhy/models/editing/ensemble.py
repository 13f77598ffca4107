"""Several networks that write one caption together: Show, Edit and Tell is two of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.editing.decoded import full_scores
from seewhy.models.editing.stepping import EditInputs, EditorNetwork, Rows, Step, StepTrace

_ATTENTION = ("source", "regions")


@dataclass(frozen=True, eq=False)
class EachPart(Rows):
    """What each network encoded, or the state of each."""

    parts: tuple[Rows, ...]


def mixed_log_probabilities(
    scores: Sequence[Float[Tensor, "*places vocab"]], log_weights: Float[Tensor, " networks"]
) -> Float[Tensor, "*places vocab"]:
    """The logarithm of the weighted mean of the softmaxes; the weights' sum is 1."""
    every = [full_scores(each).log_softmax(dim=-1) for each in scores]
    shares = [each + weight.to(each) for each, weight in zip(every, log_weights, strict=True)]
    mixed: Tensor = reduce(torch.logaddexp, shares)
    return mixed


class Ensemble(nn.Module):
    """An editor whose words have the weighted mean of the networks' probabilities.

    Its scores are log-probabilities. Attention in its trace is the mean of that of its networks,
    weighted as their probabilities are; gates are those of the first network that has them.
    """

    def __init__(
        self, networks: Sequence[EditorNetwork], weights: Sequence[float] | None = None
    ) -> None:
        """`weights` are above 0 and need not add up to 1; None: all alike.

        Raises `UsageError` for no network, other weights, and vocabularies of several sizes.
        """
        super().__init__()
        shares = [1.0] * len(networks) if weights is None else [float(each) for each in weights]
        sizes = sorted({network.vocabulary_size for network in networks})
        if len(sizes) != 1:
            raise UsageError(
                "an ensemble wants one network or more of the same vocabulary; these are "
                f"{len(networks)} with vocabularies of {sizes or 'no'} words."
            )
        if len(shares) != len(networks) or not all(0 < each < torch.inf for each in shares):
            raise UsageError(
                f"an ensemble of {len(networks)} networks wants as many weights above 0; these "
                f"are {shares}."
            )
        self.networks: Any = nn.ModuleList(networks)  # type: ignore[arg-type]
        logs = torch.tensor(shares, dtype=torch.float64).log().log_softmax(dim=0)
        self.log_weights: Tensor
        self.register_buffer("log_weights", logs, persistent=False)

    @property
    def vocabulary_size(self) -> int:
        """Word ids are below it."""
        size: int = self.networks[0].vocabulary_size
        return size

    def encode(self, inputs: EditInputs) -> EachPart:
        """What each network makes of them."""
        return EachPart(tuple(network.encode(inputs) for network in self.networks))

    def begin(self, encoded: Rows, *, rows: int = 1) -> EachPart:
        """The state of each before the first word."""
        return EachPart(
            tuple(
                network.begin(part, rows=rows)
                for network, part in zip(self.networks, _parts(encoded), strict=True)
            )
        )

    def step(self, words: Int[Tensor, " rows"], state: Rows, encoded: Rows) -> Step:
        """What comes after these words, which all networks are fed."""
        every: list[Step] = [
            network.step(words, own, part)
            for network, own, part in zip(
                self.networks, _parts(state), _parts(encoded), strict=True
            )
        ]
        return Step(
            mixed_log_probabilities([each.scores for each in every], self.log_weights),
            EachPart(tuple(each.state for each in every)),
            merged_traces([each.trace for each in every], self.log_weights.exp()),
        )

    def forward(
        self, inputs: EditInputs, targets: Int[Tensor, "batch steps"]
    ) -> Float[Tensor, "batch places vocab"]:
        """Scores of the words after each of the targets', teacher forced."""
        every = [network(inputs, targets) for network in self.networks]
        return mixed_log_probabilities(every, self.log_weights)


def merged_traces(traces: Sequence[StepTrace], weights: Float[Tensor, " networks"]) -> StepTrace:
    """The weighted mean of attention over the networks that have it, else the first there is."""
    found = {field.name: _first(traces, field.name) for field in fields(StepTrace)}
    return StepTrace(**found | {name: _mean(traces, name, weights) for name in _ATTENTION})


def _first(traces: Sequence[StepTrace], name: str) -> Tensor | None:
    held = (getattr(trace, name) for trace in traces)
    return next((each for each in held if each is not None), None)


def _mean(
    traces: Sequence[StepTrace], name: str, weights: Float[Tensor, " networks"]
) -> Tensor | None:
    pairs = zip((getattr(trace, name) for trace in traces), weights, strict=True)
    held = [(each, weight.to(each)) for each, weight in pairs if each is not None]
    if len(held) < 2:
        return held[0][0] if held else None
    total = torch.stack([weight for _, weight in held]).sum()
    mean: Tensor = reduce(torch.add, [each * (weight / total) for each, weight in held])
    return mean


def _parts(rows: Rows) -> tuple[Rows, ...]:
    if not isinstance(rows, EachPart):
        raise UsageError(
            f"an ensemble goes on from what it encoded and began itself, not from a "
            f"{type(rows).__name__}."
        )
    return rows.parts
