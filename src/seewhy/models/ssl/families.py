"""Published self-supervised encoders, by the names of the tensors in their files.

Depth, width and heads are read off the tensors. The layouts are those that the published code
expects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights
from seewhy.models.names import suggestion
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.heads import DinoHead, without_weight_norm
from seewhy.models.ssl.layers import Weights, filled, perceptron, resnet_trunk, under
from seewhy.models.ssl.pooled import PooledEncoder
from seewhy.models.ssl.simclr import SimClrResNet, SimClrShape

Compared = Literal["head", "features"]

IMAGENET = Preprocessing(224, resize_to=256, interpolation="bilinear")
PIXELS = Preprocessing(
    224, resize_to=256, interpolation="bilinear", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
)


@dataclass(frozen=True)
class Family:
    """How a file becomes an encoder: its parts, and how tensors are put together."""

    assembled: Callable[[Mapping[str, Weights], str], PooledEncoder]
    parts: tuple[str, ...] = ("",)
    preprocessing: Preprocessing = IMAGENET


def load_family(name: str, path: Path) -> tuple[PooledEncoder, Preprocessing]:
    """The encoder of a weights file, with the preprocessing of its family.

    Raises `UsageError` for an unknown family, and for a file of another layout.
    """
    family = find_family(name)
    weights = {part: read_weights(path, part=part) for part in family.parts}
    return assembled(name, weights, source=path.name), family.preprocessing


def find_family(name: str) -> Family:
    """A family by name; raises `UsageError` with the nearest."""
    if name not in FAMILIES:
        raise UsageError(
            f"no self-supervised family {name!r}. {suggestion(name, FAMILIES)}There are "
            f"{', '.join(FAMILIES)}."
        )
    return FAMILIES[name]


def assembled(name: str, weights: Mapping[str, Weights], *, source: str) -> PooledEncoder:
    """The encoder of a family from tensors, one group per part of the family's files."""
    with torch.random.fork_rng(devices=[]):
        return find_family(name).assembled(weights, source).eval()


def _pooled(trunk: Weights, head: Weights, source: str) -> PooledEncoder:
    """A ResNet of torchvision's and a perceptron, if there is one."""
    features = filled(partial(resnet_trunk, trunk), trunk, source=source)
    if not head:
        return PooledEncoder(features)
    return PooledEncoder(features, filled(partial(perceptron, head), head, source=source))


def _simclr(parts: Mapping[str, Weights], source: str) -> PooledEncoder:
    # The file's classifier of ImageNet takes no part in the embedding.
    trunk = {name: each for name, each in parts["resnet"].items() if not name.startswith("fc.")}
    network: Any = filled(
        lambda: SimClrResNet(SimClrShape.of(trunk)), trunk, source=f"{source} (resnet)"
    )
    head = under(parts["head"], "layers.")
    return PooledEncoder(
        network.net, filled(partial(perceptron, head), head, source=f"{source} (head)")
    )


def _barlow(parts: Mapping[str, Weights], source: str) -> PooledEncoder:
    weights = parts[""]
    return _pooled(under(weights, "backbone."), _needed(weights, "projector.", source), source)


def _simsiam(
    parts: Mapping[str, Weights], source: str, *, predictor: Literal["with", "without"]
) -> PooledEncoder:
    encoder = under(parts[""], "encoder.")
    found = _pooled(_trunk_of(encoder), _needed(encoder, "fc.", source), source)
    if predictor == "with":
        head = _needed(parts[""], "predictor.", source)
        last = filled(partial(perceptron, head), head, source=source)
        found.head = nn.Sequential(found.head, last)
    return found


def _moco(parts: Mapping[str, Weights], source: str) -> PooledEncoder:
    """Of the two encoders that one which is trained by gradients: v1 and v2, or v3."""
    weights = parts[""]
    prefix = "encoder_q." if under(weights, "encoder_q.") else "base_encoder."
    encoder = _needed(weights, prefix, source)
    return _pooled(_trunk_of(encoder), _needed(encoder, "fc.", source), source)


def _dino(parts: Mapping[str, Weights], source: str, *, network: str) -> PooledEncoder:
    weights = parts[network]
    found = _pooled(under(weights, "backbone."), {}, source)
    head = without_weight_norm(_needed(weights, "head.", source))
    found.head = filled(partial(DinoHead, head), head, source=source)
    return found


def _backbone(parts: Mapping[str, Weights], source: str) -> PooledEncoder:
    weights = parts[""]
    prefixes = ("backbone.", "encoder_q.", "base_encoder.", "encoder.", "")
    prefix = next(each for each in prefixes if f"{each}conv1.weight" in weights or not each)
    return _pooled(_trunk_of(under(weights, prefix)), {}, source)


def _trunk_of(weights: Weights) -> dict[str, Any]:
    """Without what torchvision's ResNet has after its last maps."""
    return {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}


def _needed(weights: Weights, prefix: str, source: str) -> dict[str, Any]:
    found = under(weights, prefix)
    if not found:
        raise UsageError(
            f"{source} holds no tensors under {prefix!r}. Name the family it belongs to, or "
            "ssl:backbone@PATH for a ResNet without its head."
        )
    return found


FAMILIES: Mapping[str, Family] = {
    "simclr_v2": Family(_simclr, ("resnet", "head"), PIXELS),
    "barlow_twins": Family(_barlow),
    "simsiam": Family(partial(_simsiam, predictor="with")),
    "simsiam-projection": Family(partial(_simsiam, predictor="without")),
    "dino": Family(partial(_dino, network="teacher"), ("teacher",)),
    "dino-student": Family(partial(_dino, network="student"), ("student",)),
    "moco": Family(_moco),
    "backbone": Family(_backbone),
}
"""Names after `ssl:`. SimSiam's embedding is the predictor's, or the projection's before it."""
