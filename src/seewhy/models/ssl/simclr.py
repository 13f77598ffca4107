"""The ResNet of SimCLRv2, which is not torchvision's: stem, shortcuts and selective kernels.

Source: Chen et al., Big Self-Supervised Models are Strong Semi-Supervised Learners, NeurIPS 2020.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.ssl.layers import block_counts

_Maps = Float[Tensor, "_ _ _ _"]
_EXPANSION = 4
_LEAST_GATES = 32


@dataclass(frozen=True)
class SimClrShape:
    """Blocks per stage, channels of the stem (64 at width 1x), and whether kernels are selected.

    Depths are 50: 3 4 6 3; 101: 3 4 23 3; 152: 3 8 36 3; 200: 3 24 36 3. `gate_ratio` decides the
    width of the gates of selective kernels.
    """

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64
    is_selective: bool = False
    gate_ratio: float = 0.0625

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> "SimClrShape":
        """What tensors named as in the published files belong to."""
        stem = weights.get("net.0.0.weight")
        stages = [block_counts(weights, f"net.{stage}.blocks.") for stage in range(1, 5)]
        if stem is None or not all(stages):
            raise UsageError(
                "these weights are no ResNet of SimCLRv2 (no net.0.0.weight, or not four stages "
                "net.1.blocks to net.4.blocks). Give the published file's 'resnet' and 'head'."
            )
        is_selective = "net.0.4.weight" in weights
        return cls(tuple(stages), len(stem) * (2 if is_selective else 1), is_selective)


class SimClrResNet(nn.Module):
    """Pixels in 0..1 to maps; `net` holds the stem and four stages, as the published files do."""

    def __init__(self, shape: SimClrShape) -> None:
        super().__init__()
        inputs, stages = shape.width, []
        for stage, blocks in enumerate(shape.blocks):
            width = shape.width * 2**stage
            stride = 1 if stage == 0 else 2
            stages.append(_Stage(inputs, width, blocks=blocks, stride=stride, shape=shape))
            inputs = width * _EXPANSION
        self.net = nn.Sequential(_stem(shape), *stages)

    def forward(self, pixels: _Maps) -> _Maps:
        """Maps at a 32nd of the size."""
        maps: Tensor = self.net(pixels)
        return maps


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=(kernel - 1) // 2, bias=False)


def _norm(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels))


def _norm_relu(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())


def _stem(shape: SimClrShape) -> nn.Sequential:
    width = shape.width
    layers: list[nn.Module] = []
    if shape.is_selective:
        channels = (3, width // 2, width // 2, width)
        for number in range(3):
            inputs, outputs = channels[number : number + 2]
            stride = 2 if number == 0 else 1
            layers += [_convolution(inputs, outputs, 3, stride), _norm_relu(outputs)]
    else:
        layers += [_convolution(3, width, 7, 2), _norm_relu(width)]
    return nn.Sequential(*layers, nn.MaxPool2d(3, stride=2, padding=1))


class _Stage(nn.Module):
    def __init__(
        self, inputs: int, width: int, *, blocks: int, stride: int, shape: SimClrShape
    ) -> None:
        super().__init__()
        entry = _Projection(inputs, width, stride, shape)
        first = _Block(inputs, width, stride, shape=shape, projection=entry)
        later = (_Block(width * _EXPANSION, width, 1, shape=shape) for _ in range(1, blocks))
        self.blocks = nn.Sequential(first, *later)

    def forward(self, maps: _Maps) -> _Maps:
        found: Tensor = self.blocks(maps)
        return found


class _Projection(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, shape: SimClrShape) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.shortcut: nn.Module = _convolution(inputs, outputs, 1, stride)
        if shape.is_selective:
            self.shortcut = nn.Sequential(
                nn.ZeroPad2d((0, 1, 0, 1)),
                nn.AvgPool2d(2, stride=stride),
                _convolution(inputs, outputs, 1),
            )
        self.bn = _norm(outputs)

    def forward(self, maps: _Maps) -> _Maps:
        found: Tensor = self.bn(self.shortcut(maps))
        return found


class _Block(nn.Module):
    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int,
        *,
        shape: SimClrShape,
        projection: _Projection | None = None,
    ) -> None:
        super().__init__()
        middle: tuple[nn.Module, ...] = (_convolution(width, width, 3, stride), _norm_relu(width))
        if shape.is_selective:
            middle = (_SelectiveKernel(width, stride, shape.gate_ratio),)
        self.projection = projection
        self.net = nn.Sequential(
            _convolution(inputs, width, 1),
            _norm_relu(width),
            *middle,
            _convolution(width, width * _EXPANSION, 1),
            _norm(width * _EXPANSION),
        )
        # A module and no function, so that guided backpropagation sees it.
        self.activation = nn.ReLU()

    def forward(self, maps: _Maps) -> _Maps:
        shortcut = maps if self.projection is None else self.projection(maps)
        found: Tensor = self.activation(shortcut + self.net(maps))
        return found


class _SelectiveKernel(nn.Module):
    """Two convolutions, mixed per channel by a softmax over what the whole image says."""

    def __init__(self, width: int, stride: int, ratio: float) -> None:
        super().__init__()
        gates = max(int(width * ratio), _LEAST_GATES)
        self.main_conv = nn.Sequential(
            _convolution(width, 2 * width, 3, stride), _norm_relu(2 * width)
        )
        self.mixing_conv = nn.Sequential(
            _convolution(width, gates, 1), _norm_relu(gates), _convolution(gates, 2 * width, 1)
        )

    def forward(self, maps: _Maps) -> _Maps:
        both = torch.stack(self.main_conv(maps).chunk(2, dim=1))
        gates = self.mixing_conv(both.sum(dim=0).mean(dim=(2, 3), keepdim=True))
        shares = torch.stack(gates.chunk(2, dim=1)).softmax(dim=0)
        return (both * shares).sum(dim=0)
