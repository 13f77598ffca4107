"""The editor that changes nothing: what every other one has to be compared with."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Int
from torch import Tensor, nn

from seewhy.models.editing.stepping import EditInputs, Rows, Step, StepTrace


@dataclass(frozen=True, eq=False)
class _Read(Rows):
    """The words that come, an end behind the last and then for ever."""

    words: Int[Tensor, "batch places"]
    lengths: Int[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class _Place(Rows):
    places: Int[Tensor, " rows"]


class Identity(nn.Module):
    """Gives probability 1 to the caption that it reads, with its unknown words.

    Decode it with `allows_unknown` and a limit that is no shorter than the captions.
    """

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self._size = vocabulary_size

    @property
    def vocabulary_size(self) -> int:
        """Word ids are below it; the last one is the end."""
        return self._size

    def encode(self, inputs: EditInputs) -> Rows:
        """The captions with their ends."""
        words = nn.functional.pad(inputs.captions, (0, 1), value=self._size - 1)
        places = torch.arange(words.shape[1], device=words.device)
        is_behind = places >= inputs.lengths[:, None]
        return _Read(words.masked_fill(is_behind, self._size - 1), inputs.lengths)

    def begin(self, encoded: Rows, *, rows: int = 1) -> Rows:
        """Before the first word."""
        lengths = cast(_Read, encoded).lengths
        return _Place(torch.zeros_like(lengths).repeat_interleave(rows))

    def step(self, words: Int[Tensor, " rows"], state: Rows, encoded: Rows) -> Step:
        """The next word of the caption, whatever the words were."""
        read, places = cast(_Read, encoded), cast(_Place, state).places
        each = len(words) // len(read.lengths)
        images = torch.arange(len(read.lengths), device=words.device).repeat_interleave(each)
        source = read.words.shape[1] - 1
        following = read.words[images, places.clamp(max=source)]
        scores = torch.full((len(words), self._size), -torch.inf, device=words.device)
        copied = torch.minimum(places, read.lengths[images] - 1)
        ones = torch.ones(len(words), device=words.device)
        return Step(
            scores.scatter(1, following[:, None], 0.0),
            _Place(places + 1),
            StepTrace(
                source=nn.functional.one_hot(copied, source).float(),
                copied=copied,
                copy_gate=ones,
                kept=ones,
            ),
        )
