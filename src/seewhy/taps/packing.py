"""Convolutions whose weights lie in memory as the processor's own library works on them.

Otherwise oneDNN arranges them anew in every pass, which for few images at a time is a quarter of
all the work. The sums are the same.
"""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from seewhy.base.axes import Pixels

_DTYPES = (torch.float32, torch.bfloat16)
_RELUS = (torch.relu, functional.relu)


class PackedConvolution(nn.Module):
    """A convolution for inference on a processor, and the ReLU behind it where `has_relu`."""

    def __init__(self, convolution: nn.Conv2d, example: torch.Size) -> None:
        super().__init__()
        self.kernel_size, self.stride = convolution.kernel_size, convolution.stride
        self.padding, self.dilation = convolution.padding, convolution.dilation
        self.groups, self.has_relu = convolution.groups, False
        self.bias = convolution.bias
        self._weight: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            *(convolution.weight.detach(), self.padding, self.stride, self.dilation, self.groups),
            list(example),
        )

    def forward(self, values: Tensor) -> Tensor:
        """As of the convolution."""
        return self._convolved(values, self.padding)

    def inside(self, values: Tensor) -> Tensor:
        """Of values that have their border already."""
        return self._convolved(values, (0, 0))

    def _convolved(self, values: Tensor, padding: object) -> Tensor:
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            *(values, self._weight, self.bias, padding, self.stride, self.dilation, self.groups),
            *("relu" if self.has_relu else "none", [], ""),
        )
        return found


def pack(module: fx.GraphModule, example: Pixels) -> bool:
    """Pack the module's convolutions for images like this; returns whether that was possible.

    The module is changed, but for the case that it is left as it is: on a GPU, in another
    precision than float32 and bfloat16, or where the library is not there. It must be for
    inference alone.
    """
    if example.device.type != "cpu" or example.dtype not in _DTYPES:
        return False
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    found = _convolutions(module)
    try:
        shapes = _input_shapes(module, found, example)
        packed = {name: PackedConvolution(found[name], shapes[name]) for name in shapes}
        if not all(_is_same(found[name], packed[name], shapes[name], example) for name in packed):
            return False
    except (AttributeError, RuntimeError):  # operations of torch that no version promises
        return False
    for name, each in packed.items():
        module.set_submodule(name, each)
    _join_relus(module, packed)
    return True


def _convolutions(module: fx.GraphModule) -> dict[str, nn.Conv2d]:
    calls = (str(node.target) for node in module.graph.find_nodes(op="call_module"))
    parts = {name: module.get_submodule(name) for name in calls}
    return {
        name: part
        for name, part in parts.items()
        if type(part) is nn.Conv2d
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    }


def _input_shapes(
    module: fx.GraphModule, convolutions: dict[str, nn.Conv2d], example: Pixels
) -> dict[str, torch.Size]:
    shapes: dict[str, torch.Size] = {}

    def keeper(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _module, inputs: shapes.__setitem__(name, inputs[0].shape)

    hooks = [part.register_forward_pre_hook(keeper(name)) for name, part in convolutions.items()]
    try:
        module(example)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def _is_same(
    plain: nn.Conv2d, packed: PackedConvolution, shape: torch.Size, example: Pixels
) -> bool:
    """Whether a first part of the maps gives the same, to the rounding of the precision."""
    rows, cols = (
        min(side, 2 * dilation * (kernel - 1) + 2)
        for side, dilation, kernel in zip(shape[2:], plain.dilation, plain.kernel_size, strict=True)
    )
    values = torch.linspace(-1, 1, shape[1] * rows * cols).view(1, shape[1], rows, cols)
    values = values.to(example.dtype).contiguous(memory_format=torch.channels_last)
    expected, found = plain(values), packed(values)
    bound = 1e-4 if example.dtype is torch.float32 else 4e-2
    return bool((found - expected).abs().max() <= bound * expected.abs().max().clamp(min=1e-6))


def _join_relus(module: fx.GraphModule, packed: dict[str, PackedConvolution]) -> None:
    """ReLUs go into the convolutions before them where nothing else reads these."""
    graph = module.graph
    times = Counter(str(node.target) for node in graph.find_nodes(op="call_module"))
    for node in list(graph.nodes):
        source = node.args[0] if node.args else None
        if not (isinstance(source, fx.Node) and _is_relu(module, node)):
            continue
        name = str(source.target)
        if source.op == "call_module" and name in packed and len(source.users) == times[name] == 1:
            packed[name].has_relu = True
            node.replace_all_uses_with(source)
            graph.erase_node(node)
    module.recompile()


def _is_relu(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return type(module.get_submodule(str(node.target))) is nn.ReLU
    return node.op == "call_function" and node.target in _RELUS
