"""A small encoder of 64 x 64 images whose maps are 8 x 8, to be trained in minutes."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from seewhy.models.ssl.pooled import PooledEncoder


@dataclass(frozen=True)
class SmallConfig:
    """Channels after the stem and after each block, the strides of the blocks, and the head.

    `head` holds the widths of its layers, each linear without bias and batch norm, with ReLUs
    between: those of SimCLRv2, at another size.
    """

    channels: tuple[int, ...] = (32, 48, 96, 128)
    strides: tuple[int, ...] = (2, 2, 1)
    head: tuple[int, ...] = (128,)

    def config(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)


def small_encoder(config: SmallConfig, *, seed: int = 0) -> PooledEncoder:
    """An untrained encoder; the seed alone decides its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PooledEncoder(_trunk(config), _head(config.channels[-1], config.head))


def _trunk(config: SmallConfig) -> nn.Sequential:
    from timm.models.resnet import BasicBlock

    block: Any = BasicBlock
    width = config.channels[0]
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for outputs, stride in zip(config.channels[1:], config.strides, strict=True):
        shortcut = None if (outputs, stride) == (width, 1) else _shortcut(width, outputs, stride)
        layers.append(block(width, outputs, stride, shortcut))
        width = outputs
    return nn.Sequential(*layers)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
    )


def _head(inputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers[:-1])
