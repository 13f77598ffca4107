"""What an editor wrote: its words, how likely each was, and where it came from."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seewhy.models.editing.stepping import EditInputs, EditorNetwork, Rows, StepTrace
from seewhy.models.guard import inference


@runtime_checkable
class WordMarks(Protocol):
    """The ids that are no ordinary words; an `EditVocabulary` has them."""

    @property
    def pad(self) -> int:
        """What stands behind a caption."""
        ...

    @property
    def unknown(self) -> int:
        """What stands for a word that is not in the vocabulary."""
        ...

    @property
    def start(self) -> int:
        """What stands before a caption."""
        ...

    @property
    def end(self) -> int:
        """What ends a caption."""
        ...


@dataclass(frozen=True, eq=False)
class Decoded:
    """A caption that was written.

    `ids` are its words without start and end, each with the logarithm of its probability among
    all words of the vocabulary; `ending` is that of the end, None where the limit cut the caption.
    `trace` has a row per word, on the CPU, as wide as the caption and the regions that were read.
    """

    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    ending: float | None
    trace: StepTrace

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end within the limit."""
        return self.ending is not None

    @property
    def log_probability(self) -> float:
        """Of the whole caption, with its end where it has one."""
        return sum(self.log_probabilities) + (self.ending or 0.0)


@dataclass(frozen=True, eq=False)
class Paths(Rows):
    """Captions in the making: words so far, their log-probabilities, and the rows that chose them.

    `places` says of each word which row of its step's batch chose it, to find its trace again.
    """

    words: Int[Tensor, "rows length"]
    log_probabilities: Float[Tensor, "rows length"]
    places: Int[Tensor, "rows length"]

    @classmethod
    def empty(cls, rows: int, *, device: torch.device) -> "Paths":
        """Without any word."""
        none = torch.zeros((rows, 0), dtype=torch.long, device=device)
        return cls(none, none.float(), none)

    def grown(
        self,
        parents: Int[Tensor, " grown"],
        words: Int[Tensor, " grown"],
        log_probabilities: Float[Tensor, " grown"],
    ) -> "Paths":
        """Each of these rows with one word more."""
        kept = self.take(parents)
        return Paths(
            torch.cat([kept.words, words[:, None]], dim=1),
            torch.cat([kept.log_probabilities, log_probabilities[:, None]], dim=1),
            torch.cat([kept.places, parents[:, None]], dim=1),
        )

    def hypothesis(self, row: int, *, ending: float | None) -> "Hypothesis":
        """What one row has written."""
        return Hypothesis(
            self.words[row].tolist(),
            self.log_probabilities[row].tolist(),
            self.places[row].tolist(),
            ending,
        )


class Hypothesis(NamedTuple):
    """A caption that ended, or was cut where `ending` is None."""

    words: list[int]
    log_probabilities: list[float]
    places: list[int]
    ending: float | None

    @property
    def log_probability(self) -> float:
        """Of all choices."""
        return sum(self.log_probabilities) + (self.ending or 0.0)

    def score(self, length_penalty: float) -> float:
        """The log-probability over the number of choices to the power of the penalty."""
        choices = len(self.words) + (self.ending is not None)
        return float(self.log_probability / max(choices, 1) ** length_penalty)


def told(
    hypotheses: Sequence[Sequence[Hypothesis]], traces: Sequence[StepTrace], inputs: EditInputs
) -> list[list[Decoded]]:
    """The hypotheses of each image with the rows of the traces along their own paths.

    `traces` are those of all steps, each as wide as `inputs`, whose rows are the images.
    """
    every = [each for group in hypotheses for each in group]
    steps = [
        [each.places[step] for each in every if len(each.places) > step]
        for step in range(len(traces))
    ]
    taken = _joined([_taken(trace, rows) for trace, rows in zip(traces, steps, strict=True)])
    used, ours = [0] * len(steps), []
    starts = [sum(map(len, steps[:step])) for step in range(len(steps))]
    for each in every:
        reached = range(len(each.places))
        ours.append(_taken(taken, [starts[step] + used[step] for step in reached]))
        used = [count + (step in reached) for step, count in enumerate(used)]
    found = iter(zip(every, ours, strict=True))
    sizes = zip(hypotheses, inputs.lengths.tolist(), inputs.counts.tolist(), strict=True)
    return [
        [_decoded(*next(found), length=length, count=count) for _ in group]
        for group, length, count in sizes
    ]


def _decoded(each: Hypothesis, trace: StepTrace, *, length: int, count: int) -> Decoded:
    def cut(attention: Tensor | None, width: int) -> Tensor | None:
        return None if attention is None else attention[:, :width]

    own = StepTrace(
        cut(trace.source, length),
        cut(trace.regions, count),
        trace.copied,
        trace.copy_gate,
        trace.context_gate,
        trace.kept,
    )
    return Decoded(tuple(each.words), tuple(each.log_probabilities), each.ending, own)


def _taken(trace: StepTrace, rows: Sequence[int]) -> StepTrace:
    held = (getattr(trace, field.name) for field in fields(trace))
    device = next((tensor.device for tensor in held if tensor is not None), torch.device("cpu"))
    return trace.take(torch.tensor(rows, dtype=torch.long, device=device)).to("cpu")


def _joined(traces: Sequence[StepTrace]) -> StepTrace:
    """All rows below each other, fractions in float32 at least."""
    found = {}
    for field in fields(StepTrace):
        parts = [getattr(trace, field.name) for trace in traces]
        if parts and all(part is not None for part in parts):
            found[field.name] = _full(torch.cat(parts))
    return StepTrace(**found)


def _full(tensor: Tensor) -> Tensor:
    is_half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.float() if is_half else tensor


def full_scores(
    scores: Float[Tensor, "*places vocab"],
) -> Float[Tensor, "*places vocab"]:
    """In float32 at least: probabilities in half precision do not add up to 1."""
    return _full(scores)


def quiet(network: EditorNetwork) -> AbstractContextManager[None]:
    """A block in which the network is in evaluation mode and gives no gradients."""
    return inference(network) if isinstance(network, nn.Module) else torch.inference_mode()
