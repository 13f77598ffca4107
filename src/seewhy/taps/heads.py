"""The last linear layer of a classifier, and the features that it weighs."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from seewhy.base.axes import Logits, Pixels
from seewhy.base.errors import UsageError
from seewhy.models.protocols import ClassifierLike
from seewhy.taps.hooks import on_calls

_NOISE_IMAGES = 3
_NOISE_SIDE = 64

Features = Float[Tensor, "images features"]


@dataclass(frozen=True)
class Head:
    """logits = features @ weight.T + bias, at the submodule called `name`."""

    name: str
    weight: Float[Tensor, "classes features"]
    bias: Float[Tensor, " classes"]

    def logits(self, features: Features) -> Logits:
        """The classifier's own answer to these features."""
        return features @ self.weight.T + self.bias


@dataclass(frozen=True)
class Answered:
    """What a classifier says of images, and the features that its head saw."""

    features: Features
    logits: Logits


def find_head(classifier: ClassifierLike) -> Head:
    """The `nn.Linear`, or pointwise convolution, whose output is the logits.

    This is checked on images of noise. A convolution's maps may be pooled before or after it, by
    their mean. Raises `UsageError` when no layer is one: the model ends in something else.
    """
    pixels = _noise(classifier)
    for name, module in reversed(list(classifier.module.named_modules(remove_duplicate=False))):
        if _could_be(module, classes=len(classifier.classes)):
            head = _head(name, module)
            if _gives_the_logits(classifier, head, pixels):
                return head
    raise UsageError(
        f"{classifier.name} has no linear layer whose output is its {len(classifier.classes)} "
        "class scores. Give the network without what follows its last linear layer, such as a "
        "softmax, a temperature or an average of several networks."
    )


def head_features(classifier: ClassifierLike, head: Head, pixels: Pixels) -> Answered:
    """One forward pass: the logits, and what the head was given, pooled over positions."""
    kept: dict[str, Features] = {}
    with on_calls(classifier.module, {head.name: partial(_keep, kept)}):
        logits = classifier.logits(pixels)
    return Answered(kept["features"], logits)


def _keep(kept: dict[str, Features], given: Any, _output: Tensor) -> None:
    with torch.inference_mode(mode=False):
        features = given.detach().float().cpu().clone()
        kept["features"] = features.mean(dim=(2, 3)) if features.ndim == 4 else features


def _could_be(module: nn.Module, *, classes: int) -> bool:
    if isinstance(module, nn.Linear):
        return module.out_features == classes
    return (
        isinstance(module, nn.Conv2d)
        and module.out_channels == classes
        and module.kernel_size == (1, 1)
        and module.groups == 1
    )


def _head(name: str, module: Any) -> Head:
    weight = module.weight.detach().float().cpu().flatten(1).clone()
    bias = torch.zeros(len(weight)) if module.bias is None else module.bias.detach()
    return Head(name, weight, bias.float().cpu().clone())


def _gives_the_logits(classifier: ClassifierLike, head: Head, pixels: Pixels) -> bool:
    try:
        seen = head_features(classifier, head, pixels)
    except UsageError:  # not called, or more than once
        return False
    if seen.features.ndim != 2:
        return False
    # Root of the precision of the weights: rounding adds up over the features.
    dtype = next(classifier.module.parameters()).dtype
    allowed = torch.finfo(dtype).eps ** 0.5 * seen.logits.abs().max()
    return bool((head.logits(seen.features) - seen.logits).abs().max() <= allowed)


def _noise(classifier: ClassifierLike) -> Pixels:
    generator = np.random.default_rng(0)
    shape = (_NOISE_IMAGES, _NOISE_SIDE, _NOISE_SIDE, 3)
    images = generator.integers(256, size=shape, dtype=np.uint8)
    return torch.stack([classifier.preprocess(Image.fromarray(image)) for image in images])
