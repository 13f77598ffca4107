"""How many images to embed at once, found out on the work itself."""

import time
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

_SIZES = {"cpu": (1, 4, 8, 16), "cuda": (32, 128)}
_TRIALS = 2


@dataclass
class MeasuredBatches:
    """Sizes of batches and the seconds an image took in each; without a choice it is fixed.

    On a processor small batches often beat large ones, for what they hold stays in its caches.
    """

    seconds: dict[int, list[float]] = field(default_factory=dict)

    @classmethod
    def on(cls, device: torch.device) -> "MeasuredBatches":
        """Those worth a trial on a device."""
        return cls({size: [] for size in _SIZES.get(device.type, _SIZES["cuda"])})

    @property
    def size(self) -> int:
        """The one to go next: each twice, as the first pass of a size is slow; then the fastest."""
        untried = [size for size, taken in self.seconds.items() if len(taken) < _TRIALS]
        if untried and len(self.seconds) > 1:
            return untried[0]
        return min(self.seconds, key=self._pace)

    def note(self, size: int, seconds: float) -> None:
        """A batch of so many images took so long; sizes that are none of these are left out."""
        if size in self.seconds:
            self.seconds[size].append(seconds / size)

    def _pace(self, size: int) -> float:
        return min(self.seconds[size], default=float("inf"))


def settled(embeddings: Float[Tensor, "images embed"]) -> float:
    """The time when these embeddings were really there, in seconds."""
    if embeddings.device.type == "cuda":
        torch.cuda.synchronize(embeddings.device)
    return time.perf_counter()
