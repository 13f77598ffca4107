"""What the fit of an audit is measured against, and the stopwatch that both sides run under.

The published procedure (Koller et al., Caption-Driven Explainability, ICIP workshop 2025, arXiv
2510.22035, and their notebooks): two passes over the data, every pair of layers resized and
multiplied by itself, the whole table written after each batch. Nothing is slower than it has to
be for that: no gradients, one forward per batch and pass, maps of the right size are not resized.
Beside it bare forwards, and what the machine multiplies and moves.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.functional import to_pil_image, to_tensor

from seewhy.methods.grafting.resizing import Size
from seewhy.models.sites import Site

BATCH = 4
EPSILON = 1e-5

Label = str | Callable[..., Hashable]
"""The name of a part, or a function from a call's arguments to it."""

Part = Callable[[str], AbstractContextManager[None]]
"""Times a part of the work under a name."""


@dataclass(frozen=True)
class Network:
    """A forward pass, and the modules whose outputs are matched."""

    forward: Callable[[Tensor], object]
    taps: tuple[nn.Module, ...]

    @classmethod
    def of(
        cls, module: nn.Module, forward: Callable[[Tensor], object], sites: Sequence[Site]
    ) -> "Network":
        """With the sites of a module as taps."""
        return cls(forward, tuple(module.get_submodule(site.name) for site in sites))

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """The outputs of the taps."""
        kept: dict[int, Tensor] = {}

        def keep(module: nn.Module, _given: object, output: Tensor) -> None:
            kept[id(module)] = output

        with ExitStack() as undo:
            for tap in self.taps:
                undo.callback(tap.register_forward_hook(keep).remove)
            self.forward(pixels.to(next(self.taps[0].parameters()).device))
        return [kept[id(tap)] for tap in self.taps]


class Statistics:
    """Mean and population standard deviation of every map of some layers."""

    def __init__(self) -> None:
        self._count: list[int] = []
        self._total: list[Tensor] = []
        self._squares: list[Tensor] = []

    def add(self, layers: Sequence[Tensor]) -> None:
        """Take in the maps of a batch, layer by layer."""
        exact = [maps.double() for maps in layers]
        counts = [maps[:, 0].numel() for maps in layers]
        totals = [maps.sum(dim=(0, 2, 3)) for maps in exact]
        squares = [maps.square().sum(dim=(0, 2, 3)) for maps in exact]
        if not self._count:
            self._count, self._total, self._squares = counts, totals, squares
            return
        for number, count in enumerate(counts):
            self._count[number] += count
            self._total[number] += totals[number]
            self._squares[number] += squares[number]

    def standardise(self, layers: Sequence[Tensor]) -> list[Tensor]:
        """(maps - mean) / (std + 1e-5)."""
        results = []
        for maps, count, total, squares in zip(
            layers, self._count, self._total, self._squares, strict=True
        ):
            mean = total / count
            std = (squares / count - mean.square()).clamp(min=0).sqrt()
            mean, std = (each.float()[:, None, None] for each in (mean, std))
            results.append((maps - mean) / (std + EPSILON))
        return results


def published_table(
    source: Network,
    target: Network,
    paths: Sequence[Path],
    *,
    preprocess: Callable[[Image.Image], Tensor],
    part: Part,
    folder: Path,
) -> Tensor:
    """Mean standardised products, sources x targets, in the order of the taps.

    `part` is told of "decode", "forward", "statistics", "standardise", "matching" (interpolation,
    products, running mean) and "writing". The table is written to `folder`.
    """
    with torch.inference_mode():
        statistics = Statistics(), Statistics()
        for pixels in _batches(paths, preprocess, part):
            layers = _forwards((source, target), pixels, part)
            with part("statistics"):
                for own, maps in zip(statistics, layers, strict=True):
                    own.add(maps)
        running = torch.empty(0)
        images = 0
        for pixels in _batches(paths, preprocess, part):
            layers = _forwards((source, target), pixels, part)
            with part("standardise"):
                one, two = (
                    own.standardise(maps) for own, maps in zip(statistics, layers, strict=True)
                )
            with part("matching"):
                images += len(pixels)
                running = _mean_with(running, _table(one, two), share=len(pixels) / images)
            with part("writing"):
                np.save(folder / "table.npy", running.cpu().numpy())
    return running.cpu()


def _batches(
    paths: Sequence[Path], preprocess: Callable[[Image.Image], Tensor], part: Part
) -> Iterator[Tensor]:
    for first in range(0, len(paths), BATCH):
        with part("decode"):
            pixels = torch.stack(
                [_prepared(path, preprocess) for path in paths[first : first + BATCH]]
            )
        yield pixels


def _prepared(path: Path, preprocess: Callable[[Image.Image], Tensor]) -> Tensor:
    """The data set gives tensors and the preprocessing takes images: there and back."""
    with Image.open(path) as image:
        tensor = to_tensor(image.convert("RGB"))
    return preprocess(to_pil_image(tensor))


def _forwards(networks: Sequence[Network], pixels: Tensor, part: Part) -> list[list[Tensor]]:
    with part("forward"):
        return [network.maps(pixels) for network in networks]


def _table(source: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    return torch.cat([torch.cat([_products(one, two) for two in target], 1) for one in source])


def _products(one: Tensor, two: Tensor) -> Tensor:
    """Mean products of all pairs of maps, at the larger of the two sizes."""
    size = torch.Size(max(pair) for pair in zip(one.shape[2:], two.shape[2:], strict=True))
    one, two = (maps if maps.shape[2:] == size else _enlarged(maps, size) for maps in (one, two))
    return torch.einsum("nihw,njhw->ij", one, two) / (len(one) * size.numel())


def _enlarged(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def _mean_with(running: Tensor, table: Tensor, *, share: float) -> Tensor:
    """The mean over all batches, of which the last has this share of the images."""
    return table if share == 1 else running.lerp_(table, share)


def wait() -> None:
    """Until an accelerator, where there is one, has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Product:
    """A matrix product of the fit: sources x positions times positions x targets."""

    source: Size
    target: Size
    positions: int
    sources: int
    targets: int

    @classmethod
    def of(cls, _sums: object, sizes: tuple[Size, Size], left: Tensor, right: Tensor) -> "Product":
        """The label of a call of `PairSums._multiply`."""
        return cls(*sizes, len(left), left.shape[1], right.shape[1])

    @property
    def flop(self) -> int:
        """Multiplications and additions."""
        return 2 * self.positions * self.sources * self.targets

    @property
    def bytes(self) -> int:
        """What has to move in float32: both factors in, the table in and out."""
        factors = self.positions * (self.sources + self.targets)
        return 4 * (factors + 2 * self.sources * self.targets)


@dataclass
class Stopwatch:
    """Seconds and calls of parts; the time of a part within another counts for the inner one."""

    seconds: dict[Hashable, float] = field(default_factory=dict)
    calls: Counter[Hashable] = field(default_factory=Counter)
    _inner: list[float] = field(default_factory=lambda: [0.0])

    @contextmanager
    def part(self, name: Hashable) -> Iterator[None]:
        """Time the block."""
        self._inner.append(0.0)
        wait()
        start = time.perf_counter()
        try:
            yield
        finally:
            wait()
            spent = time.perf_counter() - start
            own = spent - self._inner.pop()
            self._inner[-1] += spent
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            self.calls[name] += 1

    @contextmanager
    def on(self, parts: Sequence[tuple[Any, str, Label]]) -> Iterator[None]:
        """Time these functions of the package wherever they are called in the block."""
        with ExitStack() as undo:
            for owner, name, label in parts:
                timed = self._timed(getattr(owner, name), label)
                undo.enter_context(patch.object(owner, name, timed))
            yield

    def total(self) -> float:
        """Seconds of all parts."""
        return sum(self.seconds.values())

    def parts(self) -> dict[str, float]:
        """Seconds by part, all products together."""
        parts: Counter[str] = Counter()
        for name, spent in self.seconds.items():
            parts["products" if isinstance(name, Product) else str(name)] += spent
        return dict(parts)

    def products(self) -> dict[Product, tuple[int, float]]:
        """Calls and seconds of each product."""
        return {
            name: (self.calls[name], spent)
            for name, spent in self.seconds.items()
            if isinstance(name, Product)
        }

    def flop(self) -> int:
        """Of all products that were made."""
        return sum(name.flop * calls for name, (calls, _) in self.products().items())

    def _timed(self, function: Callable[..., Any], label: Label) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            with self.part(label if isinstance(label, str) else label(*given)):
                return function(*given, **named)

        return call


def best_seconds(call: Callable[[], object], *, times: int = 3) -> float:
    """The fastest of some calls, after one that does not count."""
    call()
    spent = []
    for _ in range(times):
        wait()
        start = time.perf_counter()
        call()
        wait()
        spent.append(time.perf_counter() - start)
    return min(spent)


def gemm_peak(dtype: torch.dtype, device: str = "cpu") -> float:
    """FLOP per second of the best of several square products."""
    best = 0.0
    for side in (2048, 3072, 4096, 5120, 6144):
        one, two = torch.randn(2, side, side, device=device).to(dtype)
        best = max(best, 2 * side**3 / best_seconds(partial(torch.matmul, one, two)))
    return best


def bandwidth() -> float:
    """Bytes per second, read and written, of a copy that fits no cache."""
    source = torch.ones(2**27)
    target = torch.zeros_like(source)
    return 2 * source.nbytes / best_seconds(partial(target.copy_, source))


def bare(forward: Callable[[Tensor], object], pixels: Tensor) -> dict[str, dict[int, float]]:
    """Seconds per image of a forward on ready pixels, by memory layout and batch size."""

    def run(batches: Sequence[Tensor]) -> None:
        with torch.inference_mode():
            for batch in batches:
                forward(batch)

    layouts = {"plain": torch.contiguous_format, "channels last": torch.channels_last}
    return {
        name: {
            size: best_seconds(
                partial(run, [each.contiguous(memory_format=layout) for each in pixels.split(size)])
            )
            / len(pixels)
            for size in (1, 2, 4, 8, 16)
        }
        for name, layout in layouts.items()
    }


@dataclass(frozen=True)
class Bare:
    """Forwards of two networks alone: seconds per image by memory layout and batch size."""

    classifier: Mapping[str, Mapping[int, float]]
    encoder: Mapping[str, Mapping[int, float]]

    @classmethod
    def of(cls, classifier: nn.Module, encoder: Any, pixels: Tensor) -> "Bare":
        """Measured on these pixels."""
        return cls(bare(classifier, pixels), bare(encoder.encode_image, pixels))

    def seconds(self, classifiers: int, encoders: int, *, layout: str = "plain") -> float:
        """So many forwards of each for an image, at the best batch sizes."""
        classifier, encoder = (
            min(each[layout].values()) for each in (self.classifier, self.encoder)
        )
        return classifiers * classifier + encoders * encoder


def roofline(
    products: Mapping[Product, tuple[int, float]], peak: float, stream: float
) -> list[dict[str, object]]:
    """Each product of the fit against what the machine multiplies and moves."""
    rows = []
    for name, (calls, seconds) in products.items():
        intensity = name.flop / name.bytes
        speed = name.flop * calls / seconds
        rows.append(
            {
                "source size": "x".join(map(str, name.source)),
                "target size": "x".join(map(str, name.target)),
                "rows, columns, inner": [name.sources, name.targets, name.positions],
                "calls": calls,
                "seconds": seconds,
                "FLOP per byte": intensity,
                "GFLOP/s": speed / 1e9,
                "of the roof": speed / min(peak, intensity * stream),
            }
        )
    return rows
