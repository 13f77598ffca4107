"""What every caption editor does: read a caption beside an image, then write word by word."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Scores = Float[Tensor, "rows vocab"]
Kept = TypeVar("Kept", bound="Rows")
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Rows:
    """Tensors that have their rows in common; one that is None is not there.

    A field may hold further `Rows`, or a tuple of them.
    """

    def take(self: Kept, places: Int[Tensor, " kept"]) -> Kept:
        """These rows, in this order."""
        return self._each(lambda tensor: tensor.index_select(0, places))

    def to(self: Kept, device: torch.device | str) -> Kept:
        """The same on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def _each(self: Kept, change: Change) -> Kept:
        found = {
            field.name: _changed(getattr(self, field.name), change)
            for field in fields(self)
            if field.init
        }
        return replace(self, **found)


def _changed(value: object, change: Change) -> object:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Rows):
        return value._each(change)
    if isinstance(value, tuple):
        return tuple(_changed(each, change) for each in value)
    return value


@dataclass(frozen=True, eq=False)
class EditInputs(Rows):
    """Existing captions and images, one of each per row.

    `captions` are word ids without start and end, zeros behind `lengths`, which are at least 1.
    Of `regions` the first `counts` are true ones. `sentences` are embeddings of the captions and
    `attributes` word ids that go with the image, where a network asks for them.
    """

    captions: Int[Tensor, "batch source"]
    lengths: Int[Tensor, " batch"]
    regions: Float[Tensor, "batch regions channels"]
    counts: Int[Tensor, " batch"]
    sentences: Float[Tensor, "batch size"] | None = None
    attributes: Int[Tensor, "batch attributes"] | None = None

    def __len__(self) -> int:
        return len(self.captions)


@dataclass(frozen=True, eq=False)
class StepTrace(Rows):
    """Where a step looked, and how much it took over; None where a network has no such part.

    `source` and `regions` are attention over the words of the caption (alpha) and over the image
    (beta), each with sum 1. `copied` is the place of the word whose memory was taken, `copy_gate`
    the mean of q and `context_gate` the mean of z, 0 to 1. `kept` is the share, 0 to 1, of the
    norm that the known sentence has beside the residual (Look and Modify).
    """

    source: Float[Tensor, "rows source"] | None = None
    regions: Float[Tensor, "rows regions"] | None = None
    copied: Int[Tensor, " rows"] | None = None
    copy_gate: Float[Tensor, " rows"] | None = None
    context_gate: Float[Tensor, " rows"] | None = None
    kept: Float[Tensor, " rows"] | None = None


class Step(NamedTuple):
    """Scores of the next word, whose softmax is its probability, and how they came about."""

    scores: Scores
    state: Rows
    trace: StepTrace


@runtime_checkable
class EditorNetwork(Protocol):
    """A network that edits: `encode` once for each image, then `step` for every word.

    What is encoded has a row per image. A state may have several rows per image, all of the
    first image before those of the second; how many, a step sees from its number of words.
    """

    @property
    def vocabulary_size(self) -> int:
        """Word ids are below it."""
        ...

    def encode(self, inputs: EditInputs) -> Rows:
        """All that does not depend on the words written."""
        ...

    def begin(self, encoded: Rows, *, rows: int = 1) -> Rows:
        """The state before the first word, `rows` for each image."""
        ...

    def step(self, words: Int[Tensor, " rows"], state: Rows, encoded: Rows) -> Step:
        """What comes after these words, in training mode with dropout."""
        ...
