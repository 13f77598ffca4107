"""Layers whose sizes are read off the tensors that they are to hold."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import fit_weights

Weights = Mapping[str, Tensor]


def under(weights: Weights, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in weights.items()
        if name.startswith(prefix)
    }


def block_counts(weights: Weights, prefix: str) -> int:
    """How many numbers follow this beginning: the blocks of a stage, the layers of a head."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    found = [int(match[1]) for name in weights if (match := pattern.match(name))]
    return max(found, default=-1) + 1


def filled(build: Callable[[], nn.Module], weights: Weights, *, source: str) -> nn.Module:
    """The module that `build` makes, holding these weights, without drawing any first."""
    with torch.device("meta"):
        module = build()
    module.to_empty(device="cpu")
    for buffer in module.buffers():
        buffer.zero_()
    fit_weights(module, weights, source=source)
    return module.eval()


def perceptron(weights: Weights, *, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    """Linear layers and batch norms at the numbers that hold tensors, activations between.

    Names without a number are one linear layer.
    """
    if "weight" in weights:
        return _linear(weights, "")
    layers = [
        _layer(weights, f"{number}.", activation) for number in range(block_counts(weights, ""))
    ]
    return nn.Sequential(*layers)


def _layer(weights: Weights, place: str, activation: Callable[[], nn.Module]) -> nn.Module:
    means = weights.get(f"{place}running_mean")
    if means is not None:
        return nn.BatchNorm1d(len(means), affine=f"{place}weight" in weights)
    return _linear(weights, place) if f"{place}weight" in weights else activation()


def _linear(weights: Weights, place: str) -> nn.Module:
    shape = weights[f"{place}weight"].shape
    if len(shape) != 2:
        raise UsageError(
            f"{place}weight has shape {tuple(shape)}; a head holds linear layers and batch norms. "
            "Name the family that the file belongs to."
        )
    return nn.Linear(shape[1], shape[0], bias=f"{place}bias" in weights)


def resnet_trunk(weights: Weights) -> nn.Module:
    """A ResNet of torchvision's up to its last maps, of the depth and width of these tensors."""
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

    stages = [block_counts(weights, f"layer{number}.") for number in range(1, 5)]
    inner = weights.get("layer1.0.conv2.weight")
    if "conv1.weight" not in weights or inner is None or not all(stages):
        raise UsageError(
            "these weights hold no ResNet as torchvision names it (conv1, layer1 to layer4). Name "
            "the family that the file belongs to; for transformers use timm:ARCH@PATH."
        )
    if "layer1.0.conv3.weight" in weights:
        groups = len(inner) // inner.shape[1]
        whole: Any = ResNet(Bottleneck, stages, groups=groups, width_per_group=len(inner) // groups)
    else:
        whole = ResNet(BasicBlock, stages)
    trunk = nn.Sequential()
    for name, child in list(whole.named_children())[:-2]:
        trunk.add_module(name, child)
    return trunk
