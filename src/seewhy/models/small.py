"""Small classifiers of 64 x 64 images out of the real building blocks, to be trained in seconds."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import torch
from torch import nn

from seewhy.models.classifiers import Classifier
from seewhy.models.preprocessing import Preprocessing

SmallFamily = Literal["resnet", "vgg", "convnext"]
SMALL_FAMILIES: tuple[SmallFamily, ...] = get_args(SmallFamily)
SIDE = 64


def small_classifier(
    family: SmallFamily, *, classes: Sequence[str], seed: int = 0, name: str = ""
) -> Classifier:
    """An untrained classifier of 0.1 to 0.4 million parameters; the seed decides its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _BUILDERS[family](len(classes)).eval()
    return Classifier(
        module, preprocess=Preprocessing(SIDE), classes=classes, name=name or f"small-{family}"
    )


def _resnet(classes: int) -> nn.Module:
    from timm.models.resnet import BasicBlock, ResNet

    block: Any = BasicBlock
    module: nn.Module = ResNet(block, (1, 1, 1, 1), num_classes=classes, channels=(16, 32, 64, 128))
    return module


def _vgg(classes: int) -> nn.Module:
    from torchvision.models.vgg import make_layers

    plan: list[str | int] = [16, "M", 32, "M", 64, "M", 128, "M"]
    return nn.Sequential(
        make_layers(plan, batch_norm=True),
        nn.Flatten(),
        *(nn.Linear(128 * 16, 128), nn.ReLU(inplace=True), nn.Linear(128, classes)),
    )


def _convnext(classes: int) -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    blocks = [CNBlockConfig(24, 48, 1), CNBlockConfig(48, 96, 1), CNBlockConfig(96, None, 1)]
    module: nn.Module = ConvNeXt(blocks, num_classes=classes)
    return module


_BUILDERS: dict[SmallFamily, Callable[[int], nn.Module]] = {
    "resnet": _resnet,
    "vgg": _vgg,
    "convnext": _convnext,
}
