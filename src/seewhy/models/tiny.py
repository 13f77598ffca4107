"""Small seeded untrained models of each protocol, for tests and examples."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

from seewhy.models.classifiers import Classifier
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.vocabulary import WordTokenizer

TinyFamily = Literal["resnet", "vgg", "densenet", "efficientnet", "convnext", "mobilenet"]
TinyTower = Literal["resnet", "vit"]

SIDE = 32
WORDS = (
    *("a", "photo", "of", "the", "digit", "circle", "square", "red", "green", "blue", "grey"),
    *"0123456789",
)
_CONTEXT = 12


def tiny_classifier(
    family: TinyFamily = "resnet", seed: int = 0, *, classes: int = 3
) -> Classifier:
    """An untrained classifier of 32 x 32 images, of the family's real building blocks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _BUILDERS[family](classes).eval()
    return Classifier(
        module,
        preprocess=Preprocessing(SIDE, interpolation="bilinear"),
        classes=[f"class {index}" for index in range(classes)],
        name=f"tiny-{family}",
    )


def tiny_dual_encoder(tower: TinyTower = "resnet", seed: int = 0) -> OpenClipEncoder:
    """An untrained CLIP of 32 x 32 images in open_clip's own class, which knows `WORDS`."""
    tokenizer = WordTokenizer(WORDS, _CONTEXT)
    text = {
        "context_length": _CONTEXT,
        "vocab_size": tokenizer.vocab_size,
        "width": 32,
        "heads": 2,
        "layers": 1,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build({"embed_dim": 16, "vision_cfg": _TOWERS[tower], "text_cfg": text}).eval()
    preprocess = Preprocessing(SIDE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    return OpenClipEncoder(module, preprocess=preprocess, tokenizer=tokenizer, name=f"tiny-{tower}")


_TOWERS: dict[str, dict[str, Any]] = {
    "resnet": {"layers": [1, 1, 1, 1], "width": 8, "image_size": SIDE, "patch_size": None},
    "vit": {"layers": 5, "width": 32, "head_width": 16, "image_size": SIDE, "patch_size": 8},
}


def _resnet(classes: int) -> nn.Module:
    from timm.models.resnet import BasicBlock, ResNet

    block: Any = BasicBlock
    module: nn.Module = ResNet(block, (1, 1, 1, 1), num_classes=classes, channels=(8, 8, 16, 16))
    return module


def _vgg(classes: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, classes)),
    )


def _densenet(classes: int) -> nn.Module:
    from torchvision.models import DenseNet

    module: nn.Module = DenseNet(4, (2, 2), num_init_features=8, bn_size=2, num_classes=classes)
    return module


def _efficientnet(classes: int) -> nn.Module:
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    settings = [MBConvConfig(1, 3, 1, 8, 8, 1, 1, 1), MBConvConfig(4, 3, 2, 8, 16, 1, 1, 1)]
    module: nn.Module = EfficientNet(settings, 0.2, num_classes=classes, last_channel=32)
    return module


def _convnext(classes: int) -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    module: nn.Module = ConvNeXt(
        [CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=classes
    )
    return module


def _mobilenet(classes: int) -> nn.Module:
    from torchvision.models import MobileNetV2

    settings = [[1, 8, 1, 1], [4, 16, 1, 2]]
    module: nn.Module = MobileNetV2(classes, inverted_residual_setting=settings, width_mult=0.25)
    return module


_BUILDERS: dict[str, Callable[[int], nn.Module]] = {
    "resnet": _resnet,
    "vgg": _vgg,
    "densenet": _densenet,
    "efficientnet": _efficientnet,
    "convnext": _convnext,
    "mobilenet": _mobilenet,
}
