"""Embeddings of many images that differ from one in a box each, as fast as this machine can.

Which way is the fastest is measured on the work itself: passes of whole images, few or many at
once, or only of what a box reaches (`taps.regions`), one after the other on all cores or side by
side (`taps.lanes`). All ways sum the same numbers, so that results agree to rounding, whichever is
taken.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import OnePixels, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.windows import pasted
from seewhy.models.guard import device_of, inference, input_dtype
from seewhy.models.image_encoders import ImageEncoder, RawEmbeddings
from seewhy.taps.lanes import Lanes, lanes
from seewhy.taps.regions import Box, LocalPasses, Variants

Precision = Literal["float32", "bfloat16"]
"""As the model is, usually float32, or with its weights and sums rounded to bfloat16."""

_TRIALS = 2
_LEAST_LOCAL = 0.1
_AGREEMENT = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}


@dataclass(frozen=True)
class Way:
    """How many images go through the model at once, whether in full, and in how many lanes."""

    passes: Literal["whole", "local"]
    images: int
    lanes: int = 1


WHOLE = Way("whole", 1)
_ON_CPU = (WHOLE, *(Way("local", images) for images in (8, 24)), Way("whole", 8))
_SIDE_BY_SIDE = (Way("local", 8), Way("local", 24), Way("whole", 4))
_ON_GPU = (Way("whole", 32), Way("whole", 128))


@contextmanager
def variant_embedder(
    encoder: ImageEncoder, *, precision: Precision = "float32", batch: int | None = None
) -> Iterator["VariantEmbedder"]:
    """Within the block the model is in evaluation mode; afterwards it is as it was.

    With `batch` so many whole images go through at once and nothing is measured. For "bfloat16"
    the model is copied.
    """
    if batch is not None and batch < 1:
        raise UsageError(f"batch is {batch}; wanted at least 1, or None to measure what is best.")
    ways = None if batch is None else (Way("whole", batch),)
    with _passing(encoder, precision) as (passed, local, threads):
        yield VariantEmbedder(passed, ways=ways, local=local, threads=threads)


@contextmanager
def quick_embed(
    encoder: ImageEncoder, *, precision: Precision = "float32"
) -> Iterator[Callable[[Pixels], RawEmbeddings]]:
    """`encoder.embed` for many images, with norms folded where that changes nothing.

    The first images are embedded both ways. Within the block the model is in evaluation mode;
    afterwards it is as it was. For "bfloat16" the model is copied.
    """
    with _passing(encoder, precision) as (passed, local, threads):
        yield passed.embed if local is None else _Quick(passed, local, threads)


@contextmanager
def _passing(
    encoder: ImageEncoder, precision: Precision
) -> Iterator[tuple[ImageEncoder, LocalPasses | None, Lanes]]:
    """The encoder in a precision, ready for many passes, with its graph and threads."""
    with inference(encoder.module), lanes(device_of(encoder.module)) as threads:
        if precision == "float32":
            yield encoder, LocalPasses.through(encoder.module), threads
            return
        module = copy.deepcopy(encoder.module)
        # Norms are folded before weights are rounded, not after.
        local = LocalPasses.through(module)
        for each in (module, *(() if local is None else (local.module,))):
            # One step would leave the layout of tensors whose type changes as it was.
            each.to(torch.bfloat16).to(memory_format=torch.channels_last)
        rounded = ImageEncoder(module, preprocess=encoder.preprocessing, name=encoder.name)
        with inference(module):
            yield rounded, local, threads


@dataclass
class _Quick:
    """The graph once it has agreed with the module, the module where it does not."""

    encoder: ImageEncoder
    local: LocalPasses
    threads: Lanes
    agrees: bool | None = None

    def __call__(self, images: Pixels) -> RawEmbeddings:
        inputs = images.to(device_of(self.encoder.module), input_dtype(self.encoder.module))
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        if self.agrees:
            parts = self.threads.map(self.local, inputs.chunk(self.threads.count))
            return torch.cat(parts).float()
        expected = self.encoder.embed(images)
        if self.agrees is None:
            try:
                self.agrees = _are_near(self.local(inputs), expected)
            except Exception:  # what the graph cannot do, the module itself can
                self.agrees = False
        return expected


class VariantEmbedder:
    """Keeps the time that each way has taken, so that further images go the best one at once.

    `local` are the passes of the encoder's module, None where its graph cannot be had; then there
    is no saying whether `threads` may use it side by side.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        *,
        ways: Sequence[Way] | None = None,
        local: LocalPasses | None = None,
        threads: Lanes | None = None,
    ) -> None:
        self._encoder = encoder
        self.device = device_of(encoder.module)
        self._dtype = input_dtype(encoder.module)
        self._threads = threads or Lanes()
        self._seconds: dict[Way, list[float]] = {
            way: [] for way in ways or _usual_ways(self.device, self._threads)
        }
        self._local = local if self._may_be_local else None
        self._has_agreed = False
        if self._local is None:
            self._forget_local()

    @property
    def way(self) -> Way:
        """The one to go next: each is tried, then the fastest stays."""
        untried = (way for way, taken in self._seconds.items() if len(taken) < _TRIALS)
        fastest = min(self._seconds, key=lambda way: min(self._seconds[way], default=float("inf")))
        return next(untried, fastest)

    def whole(self, pixels: Pixels) -> RawEmbeddings:
        """Of the images themselves, one after the other, in the same precision."""
        return torch.cat([self._encoder.embed(self._input(image)) for image in pixels])

    def variants(
        self, base: OnePixels, content: OnePixels, boxes: Sequence[Box]
    ) -> Float[Tensor, "boxes embed"]:
        """Of the base image with the content in each box; on the model's device, float32."""
        kept = self._kept(base, boxes)
        found: list[Tensor] = []
        done = 0
        while done < len(boxes):
            way, is_trial = self.way, not self._is_settled
            portion = way.images * way.lanes
            chosen = boxes[done : done + portion] if is_trial else boxes[done:]
            started = self._now()
            found += self._portion(_Task(way, base, content, kept), chosen)
            done += len(chosen)
            if is_trial and len(chosen) == portion:
                self._seconds[way].append((self._now() - started) / portion)
        return torch.cat(found)

    def _portion(self, task: "_Task", boxes: Sequence[Box]) -> list[Tensor]:
        """Embeddings of some variants, the way that the task says."""
        images = task.way.images
        parts = [boxes[start : start + images] for start in range(0, len(boxes), images)]
        threads = self._threads if task.way.lanes > 1 else Lanes()
        return threads.map(partial(self._embedded, task), parts)

    def _embedded(self, task: "_Task", boxes: Sequence[Box]) -> Float[Tensor, "boxes embed"]:
        images = self._inputs(pasted(task.base, task.content, boxes))
        if task.kept is None or task.way.passes == "whole":
            return self._passed(images)
        outputs: RawEmbeddings = task.kept.outputs(images, boxes, together=1).float()
        return outputs

    @property
    def _is_settled(self) -> bool:
        return all(len(taken) >= _TRIALS for taken in self._seconds.values())

    @property
    def _may_be_local(self) -> bool:
        return any(way.passes == "local" for way in self._seconds)

    def _kept(self, base: OnePixels, boxes: Sequence[Box]) -> Variants | None:
        """What stays of the base's pass; None where nothing is gained or the numbers differ."""
        if self._local is None or not self._may_be_local:
            return None
        if self._is_settled and self.way.passes == "whole":
            return None
        typical = sorted(boxes, key=lambda box: box.area)[len(boxes) // 2]
        try:
            kept = self._local.of(self._input(base), typical=typical)
            is_usable = kept.share >= _LEAST_LOCAL and (
                self._has_agreed or self._agrees(kept, base, typical)
            )
        except Exception:  # what the graph cannot do, the module itself can
            is_usable = False
        self._has_agreed = is_usable
        if not is_usable:
            self._forget_local()
            return None
        return kept

    def _agrees(self, kept: Variants, base: OnePixels, box: Box) -> bool:
        """Whether one variant has the same embedding both ways, to rounding."""
        images = self._inputs(pasted(base, torch.zeros_like(base), [box]))
        expected = self._encoder.embed(images)
        return _are_near(kept.outputs(images, [box], together=1), expected)

    def _passed(self, images: Pixels) -> RawEmbeddings:
        """Whole images, without their norms where the graph has shown that it gives the same."""
        if self._local is None or not self._has_agreed:
            return self._encoder.embed(images)
        outputs: RawEmbeddings = self._local(images).float()
        return outputs

    def _forget_local(self) -> None:
        ways = (replace(way, lanes=1) for way in self._seconds if way.passes == "whole")
        self._seconds = {way: self._seconds.get(way, []) for way in ways} or {WHOLE: []}
        self._local = None

    def _input(self, image: OnePixels) -> Pixels:
        return self._inputs(image[None])

    def _inputs(self, images: Pixels) -> Pixels:
        images = images.to(self.device, self._dtype)
        # Convolutions are faster on it, on processors as on GPUs.
        return images.contiguous(memory_format=torch.channels_last)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def _usual_ways(device: torch.device, threads: Lanes) -> tuple[Way, ...]:
    if device.type == "cuda":
        return _ON_GPU
    beside = (replace(way, lanes=threads.count) for way in _SIDE_BY_SIDE)
    return (WHOLE, *beside) if threads.count > 1 else _ON_CPU


@dataclass(frozen=True, eq=False)
class _Task:
    """What is pasted where, the way, and what stays of the base's pass."""

    way: Way
    base: OnePixels
    content: OnePixels
    kept: Variants | None


def _are_near(found: Tensor, expected: Tensor) -> bool:
    """Whether both are the same to the rounding of what was found."""
    if found.shape != expected.shape:
        return False
    bound = _AGREEMENT.get(found.dtype, 1e-5) * expected.abs().max()
    return bool((found.float() - expected).abs().max() <= bound)
