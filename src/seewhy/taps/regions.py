"""Forward passes of images that differ from one image in a rectangle only.

Convolutions, poolings and what works on each value by itself change only where the rectangle
reaches, so that they are computed there alone and taken from the one image elsewhere. Where the
reach has grown over most of the map, and at every operation that is not known to be local, whole
maps go on. Nothing is approximated: the sums are the same, in another order at most.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.taps.folding import IDLE_MODULES, folded, is_fixed_norm

MOST = 0.8
"""The share of a map from which on it is computed as a whole."""

_POINTWISE_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid, nn.Hardsigmoid),
    *IDLE_MODULES,
)
_POINTWISE_FUNCTIONS: tuple[Any, ...] = (
    *(torch.relu, functional.relu, functional.gelu, functional.silu, functional.hardswish),
)
_SUMS: dict[Any, Any] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add), torch.add),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), torch.mul),
}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


@dataclass(frozen=True)
class Box:
    """Rows `top` to `bottom` and columns `left` to `right`, the last ones not among them."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Cells."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """What picks the box out of rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def around(self, other: "Box") -> "Box":
        """The smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def within(self, other: "Box") -> "Box":
        """What both have in common, which must be something."""
        return Box(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def seen_from(self, other: "Box") -> "Box":
        """The same cells counted from the other's corner."""
        rows, cols = other.top, other.left
        return Box(self.top - rows, self.left - cols, self.bottom - rows, self.right - cols)


@dataclass(frozen=True, eq=False)
class _Patch:
    """Maps of some images that equal `base`, of one image, but for `inside`, in `box`."""

    base: Float[Tensor, "1 channels rows cols"]
    box: Box
    inside: Float[Tensor, "batch channels box_rows box_cols"]

    @property
    def share(self) -> float:
        return self.box.area / (self.base.shape[2] * self.base.shape[3])

    def crop(self, wanted: Box) -> Tensor:
        """A copy of these cells, in the memory format of the inside."""
        images, channels = self.inside.shape[:2]
        rows, cols = wanted.slices
        size = (images, channels, wanted.bottom - wanted.top, wanted.right - wanted.left)
        like = self.inside
        copy = torch.empty(
            size, dtype=like.dtype, device=like.device, memory_format=_memory_format(like)
        )
        copy.copy_(self.base[:, :, rows, cols].expand(size))
        common = self.box.within(wanted)
        if common.top < common.bottom and common.left < common.right:
            to_rows, to_cols = common.seen_from(wanted).slices
            from_rows, from_cols = common.seen_from(self.box).slices
            copy[:, :, to_rows, to_cols] = self.inside[:, :, from_rows, from_cols]
        return copy

    def whole(self) -> Tensor:
        rows, cols = self.base.shape[2:]
        return self.crop(Box(0, 0, rows, cols))


class LocalPasses:
    """A module of which the graph is known, and the passes through it of one image's variants.

    Batch norms in evaluation mode are folded into the convolutions before them. Threads may use it
    and its variants side by side.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        self.module = module

    @classmethod
    def through(cls, module: nn.Module) -> "LocalPasses | None":
        """None for a module whose graph cannot be had, or that somebody listens to."""
        if any(getattr(child, hooks) for child in module.modules() for hooks in _HOOKS):
            return None
        try:
            return cls(folded(module, fx.Tracer().trace(module)))
        except Exception:  # tracing runs the user's own code with what is no tensor
            return None

    def __call__(self, pixels: Pixels) -> Any:
        """What the module gives for whole images."""
        return self.module(pixels)

    def of(self, base: Pixels, *, typical: Box) -> "Variants":
        """Keep what the one image gives, as far as a change in the typical box is local."""
        return Variants(_Interpreter(self.module), base, typical=typical)


class Variants:
    """Images that differ from one in a box each; their passes."""

    def __init__(self, interpreter: "_Interpreter", base: Pixels, *, typical: Box) -> None:
        self._interpreter = interpreter
        self._base = base
        nodes = list(interpreter.graph.nodes)
        values = interpreter.values(nodes, {}, base)
        interpreter.whole = values
        trial = _Patch(base, typical, base[:, :, *typical.slices].clone())
        found = interpreter.values(nodes, {}, trial)
        wide = (not _is_narrow(found[node]) for node in nodes[1:])
        cut = next((index for index, is_wide in enumerate(wide, 1) if is_wide), len(nodes))
        self._local, self._global = nodes[:cut], nodes[cut:]
        needed = {each for node in self._global for each in node.all_input_nodes}
        self._passed_on = [node for node in self._local if node in needed]
        interpreter.whole = {node: values[node] for node in self._local}

    @property
    def share(self) -> float:
        """Of the module's operations, the share that is computed in a part of the map only."""
        return len(self._local) / (len(self._local) + len(self._global))

    def outputs(self, pixels: Pixels, boxes: Sequence[Box], *, together: int) -> Any:
        """What the module gives for images that differ from the base in a box each.

        As long as they are local, `together` images go through at once, in the smallest box around
        theirs; then all.
        """
        passed: list[dict[fx.Node, Any]] = []
        for start in range(0, len(boxes), together):
            box = _around(boxes[start : start + together])
            inside = pixels[start : start + together, :, *box.slices]
            inside = inside.clone(memory_format=_memory_format(self._base))
            values = self._interpreter.values(self._local, {}, _Patch(self._base, box, inside))
            passed.append({node: _whole(values[node]) for node in self._passed_on})
        joined = {node: _joined([each[node] for each in passed]) for node in self._passed_on}
        return self._interpreter.values(self._global, joined, pixels)[self._global[-1]]


class _Interpreter(fx.Interpreter):
    """Values of a graph's nodes; patches stay patches as long as that is possible."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.whole: dict[fx.Node, Any] = {}

    def values(
        self, nodes: Iterable[fx.Node], known: dict[fx.Node, Any], given: Any
    ) -> dict[fx.Node, Any]:
        # Not the interpreter's own memory, which threads would share.
        found = dict(known)
        for node in nodes:
            found[node] = given if node.op == "placeholder" else self._value(node, found)
        return found

    def _value(self, node: fx.Node, known: Mapping[fx.Node, Any]) -> Any:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
        if any(isinstance(each, _Patch) for each in args):
            found = self._local(node, args, kwargs)
            if found is not None:
                return _Patch(self.whole[node], found[0], found[1])
        args, kwargs = fx.node.map_aggregate((args, kwargs), _whole)
        target = _SUMS.get(node.target, node.target)
        return getattr(self, node.op)(target, args, kwargs)

    def _local(
        self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Box, Tensor] | None:
        patch = args[0]
        module = self.submodules.get(node.target) if node.op == "call_module" else None
        if isinstance(patch, _Patch) and module is not None:
            if _is_pointwise(module):
                return patch.box, module(patch.inside)
            apply = _sliding(module)
            return None if apply is None else _slid(patch, apply)
        function: Any = node.target if node.op == "call_function" else None
        if function in _POINTWISE_FUNCTIONS:
            return patch.box, function(patch.inside, *args[1:], **kwargs)
        if function in _SUMS and not kwargs:
            return _combined(_SUMS[function], *args)
        return None


@dataclass(frozen=True)
class _Sliding:
    """A window that slides over a map, and what is computed in it, the border being there."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    border: float
    apply: Callable[[Tensor], Tensor]


def _sliding(module: nn.Module) -> _Sliding | None:
    if type(module) is nn.Conv2d:
        return _convolution(module)
    if type(module) is nn.MaxPool2d and not module.ceil_mode and not module.return_indices:
        kernel, stride, dilation = map(_pair, (module.kernel_size, module.stride, module.dilation))
        return _Sliding(
            *(kernel, stride, _pair(module.padding), dilation, float("-inf")),
            lambda x: functional.max_pool2d(x, kernel, stride, 0, dilation),
        )
    if type(module) is nn.AvgPool2d and not module.ceil_mode and module.count_include_pad:
        kernel, stride, divisor = *map(_pair, (module.kernel_size, module.stride)), None
        divisor = module.divisor_override
        return _Sliding(
            *(kernel, stride, _pair(module.padding), (1, 1), 0.0),
            lambda x: functional.avg_pool2d(x, kernel, stride, divisor_override=divisor),
        )
    return None


def _convolution(module: nn.Conv2d) -> _Sliding | None:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        return None
    stride, dilation = _pair(module.stride), _pair(module.dilation)
    return _Sliding(
        *(_pair(module.kernel_size), stride, _pair(module.padding), dilation, 0.0),
        lambda x: functional.conv2d(
            x, module.weight, module.bias, stride, 0, dilation, module.groups
        ),
    )


def _slid(patch: _Patch, sliding: _Sliding) -> tuple[Box, Tensor]:
    sides = (
        (patch.box.top, patch.box.bottom, patch.base.shape[2]),
        (patch.box.left, patch.box.right, patch.base.shape[3]),
    )
    rows, cols = (_reach(*side, sliding=sliding, axis=axis) for axis, side in enumerate(sides))
    crop = patch.crop(Box(rows.start, cols.start, rows.end, cols.end))
    border = (cols.before, cols.after, rows.before, rows.after)
    if any(border):
        crop = functional.pad(crop, border, value=sliding.border)
    box = Box(rows.first, cols.first, rows.last + 1, cols.last + 1)
    return box, sliding.apply(crop)


@dataclass(frozen=True)
class _Reach:
    """Along one axis: outputs `first` to `last` that change, and the inputs that they need.

    These are `start` to `end`, the end not among them, and so many of the border on both sides.
    """

    first: int
    last: int
    start: int
    end: int
    before: int
    after: int


def _reach(low: int, high: int, length: int, *, sliding: _Sliding, axis: int) -> _Reach:
    stride, padding = sliding.stride[axis], sliding.padding[axis]
    span = sliding.dilation[axis] * (sliding.kernel[axis] - 1)
    outputs = (length + 2 * padding - span - 1) // stride + 1
    last = min((high - 1 + padding) // stride, outputs - 1)
    # Where a stride is longer than the window, no output may have changed: one is kept as it is.
    first = min(max(-((span - padding - low) // stride), 0), last)
    start, end = first * stride - padding, last * stride - padding + span + 1
    return _Reach(
        first, last, max(start, 0), min(end, length), max(-start, 0), max(end - length, 0)
    )


def _combined(apply: Any, first: Any, second: Any) -> tuple[Box, Tensor] | None:
    if not isinstance(second, _Patch):
        is_number = isinstance(second, (int, float))
        return (first.box, apply(first.inside, second)) if is_number else None
    if not isinstance(first, _Patch) or first.base.shape != second.base.shape:
        return None
    box = first.box.around(second.box)
    parts = (each.inside if each.box == box else each.crop(box) for each in (first, second))
    return box, apply(*parts)


def _is_pointwise(module: nn.Module) -> bool:
    if is_fixed_norm(module):
        return True
    return type(module) in _POINTWISE_MODULES and not module.training


def _is_narrow(value: Any) -> bool:
    return isinstance(value, _Patch) and value.share <= MOST


def _whole(value: Any) -> Any:
    return value.whole() if isinstance(value, _Patch) else value


def _joined(values: Sequence[Any]) -> Any:
    return torch.cat(list(values)) if isinstance(values[0], Tensor) else values[0]


def _around(boxes: Sequence[Box]) -> Box:
    box = boxes[0]
    for each in boxes[1:]:
        box = box.around(each)
    return box


def _memory_format(values: Tensor) -> torch.memory_format:
    is_last = values.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
