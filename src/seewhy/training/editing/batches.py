"""Captions, their images and their truths as tensors."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.evaluation.captions.items import Words
from seewhy.models.editing.features import ImageFeatures, PaddedRegions, padded
from seewhy.models.editing.stepping import EditInputs
from seewhy.models.editing.words import EditVocabulary
from seewhy.training.editing.rewards import ended


@dataclass(frozen=True, eq=False)
class EditBatch:
    """Captions to edit beside their images, and captions that are right.

    `targets` are word ids from start to end, pads behind. `references` are all captions that are
    right, as word ids with the end, and `keys` tell them apart.
    """

    inputs: EditInputs
    targets: Int[Tensor, "batch steps"]
    references: tuple[tuple[Words, ...], ...]
    keys: tuple[Hashable, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device) -> "EditBatch":
        """The same on a device."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))


@runtime_checkable
class EditExamples(Protocol):
    """Batches without an end; each depends on its number alone."""

    @property
    def epoch(self) -> float | None:
        """Batches until everything came once; None where captions never come again."""
        ...

    def batch(self, number: int) -> EditBatch:
        """One batch, counted from 0."""
        ...


@runtime_checkable
class RegionTable(Protocol):
    """The regions of images by their places."""

    def __len__(self) -> int: ...

    def __call__(self, places: Sequence[int]) -> PaddedRegions:
        """The regions of these images side by side."""
        ...


@dataclass(frozen=True, eq=False)
class KeptRegions:
    """Regions that are held in memory."""

    regions: Float[Tensor, "images regions channels"]
    counts: Int[Tensor, " images"]

    @classmethod
    def of(cls, features: Sequence[ImageFeatures]) -> "KeptRegions":
        """Those of these images."""
        return cls(*padded(features))

    def __len__(self) -> int:
        return len(self.regions)

    def __call__(self, places: Sequence[int]) -> PaddedRegions:
        """The regions of these images side by side."""
        chosen = torch.as_tensor(places)
        return PaddedRegions(self.regions[chosen], self.counts[chosen])


@dataclass(frozen=True, eq=False)
class ReadRegions:
    """Regions that are read when they are asked for, each by its own name."""

    read: Callable[[Hashable], ImageFeatures]
    names: Sequence[Hashable]

    def __len__(self) -> int:
        return len(self.names)

    def __call__(self, places: Sequence[int]) -> PaddedRegions:
        """The regions of these images side by side."""
        return padded([self.read(self.names[place]) for place in places])


@dataclass(frozen=True)
class Writer:
    """Words to ids; of a caption `longest` words are taken, the first ones."""

    vocabulary: EditVocabulary
    longest: int

    def inputs(self, captions: Sequence[Sequence[str]], regions: PaddedRegions) -> EditInputs:
        """What networks get; a caption without words is one unknown word."""
        rows = [self._ids(words) or [self.vocabulary.unknown] for words in captions]
        return EditInputs(
            captions=_beside(rows),
            lengths=torch.tensor([len(row) for row in rows]),
            regions=regions.regions,
            counts=regions.counts,
        )

    def targets(self, captions: Sequence[Sequence[str]]) -> Int[Tensor, "batch steps"]:
        """Captions from start to end."""
        start, end = self.vocabulary.start, self.vocabulary.end
        return _beside([[start, *self._ids(words), end] for words in captions])

    def references(self, captions: Sequence[Sequence[str]]) -> tuple[Words, ...]:
        """Whole captions as rewards see them."""
        return tuple(ended(self.vocabulary.encode(words)) for words in captions)

    def _ids(self, words: Sequence[str]) -> list[int]:
        return self.vocabulary.encode(words)[: self.longest]


def _beside(rows: Sequence[Sequence[int]]) -> Int[Tensor, "batch steps"]:
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
