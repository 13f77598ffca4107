"""Small seeded networks behind the protocols: a CNN with odd map sizes, two CLIPs."""

from collections.abc import Sequence

import torch
from open_clip.model import CLIP
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from seewhy.base.axes import Embeddings, Logits, Pixels, TextEmbeddings
from seewhy.models.sites import Site


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_weights(module: nn.Module, seed: int) -> nn.Module:
    """Weights and batch statistics that let the units vary; in training mode, as a user might."""
    generator = seeded(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith(("running_mean", "num_batches_tracked")):
            continue
        if name.endswith("running_var"):
            tensor.fill_(1.0)
        elif name.endswith("bias"):
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
        elif tensor.ndim == 1:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.ndim > 1:
            fan = tensor[0].numel()
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / fan**0.5)
    return module.train()


class Network:
    """What both adapters share."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = name
        self.module = module

    def preprocess(self, image: Image.Image) -> Tensor:
        raise NotImplementedError(image)


class SmallClassifier(Network):
    """Maps of 24 x 18, 12 x 9 and 5 x 4 (at 48 x 36 pixels), names as in a ResNet."""

    classes = ("one", "two")

    def __init__(self, seed: int, width: int = 6) -> None:
        layers = {
            "conv1": nn.Conv2d(3, width, 3, stride=2, padding=1),
            "relu1": nn.ReLU(inplace=True),
            "conv2": nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            "relu2": nn.ReLU(),
            "downsample": nn.Conv2d(2 * width, 2 * width, 1),
            "conv3": nn.Conv2d(2 * width, width, 3, stride=2),
            "pool": nn.AdaptiveAvgPool2d(1),
            "flat": nn.Flatten(),
            "head": nn.Linear(width, 2),
        }
        module = nn.Sequential()
        for name, layer in layers.items():
            module.add_module(name, layer)
        super().__init__("small classifier", random_weights(module, seed))

    def logits(self, pixels: Pixels) -> Logits:
        return self.module(pixels)

    def sites(self) -> tuple[Site, ...]:
        return tuple(Site(name) for name in ("conv1", "conv2", "downsample", "conv3"))


class SmallClip(Network):
    """A CLIP in open_clip's own class; its texts are random directions."""

    def __init__(self, vision: dict[str, object], stages: tuple[Site, ...], seed: int) -> None:
        text = {"context_length": 8, "vocab_size": 16, "width": 16, "heads": 2, "layers": 1}
        super().__init__("small clip", random_weights(CLIP(24, vision, text), seed))
        self._stages = stages

    def encode_images(self, pixels: Pixels) -> Embeddings:
        return self.module.encode_image(pixels, normalize=True)

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeddings:
        directions = torch.randn(len(texts), 24, generator=seeded(len(texts)))
        return functional.normalize(directions, dim=1)

    def stages(self) -> tuple[Site, ...]:
        return self._stages


class GivenMaps(Network):
    """A network whose sites give stored maps: a pixel's value is the number of its image."""

    classes = ("one", "two")

    def __init__(self, maps: Sequence[Tensor]) -> None:
        super().__init__("given maps", nn.ModuleList([nn.Identity() for _ in maps]))
        self.maps = list(maps)

    def logits(self, pixels: Pixels) -> Logits:
        chosen = pixels[:, 0, 0, 0].long()
        for site, maps in zip(self.module, self.maps, strict=True):
            site(maps[chosen])
        return torch.zeros(len(pixels), 2)

    def sites(self) -> tuple[Site, ...]:
        return tuple(Site(str(number)) for number in range(len(self.maps)))

    def pixels(self) -> Pixels:
        return torch.arange(len(self.maps[0])).float()[:, None, None, None].expand(-1, 3, 1, 1)


def clip_resnet(seed: int) -> SmallClip:
    """Stage maps of 16, 8, 4 and 2 pixels at 64 pixels."""
    vision = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 64, "head_width": 8}
    stages = tuple(Site(f"visual.layer{stage}") for stage in (1, 2, 3, 4))
    return SmallClip(vision, stages, seed)


def clip_vit(seed: int) -> SmallClip:
    """Three blocks over a grid of 8 x 8 patches at 64 pixels, and a class token."""
    vision = {"layers": 3, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 64}
    stages = tuple(
        Site(f"visual.transformer.resblocks.{block}", layout="tokens", prefix=1, grid=(8, 8))
        for block in range(3)
    )
    return SmallClip(vision, stages, seed)


def image_pairs(images: int, seed: int) -> tuple[Pixels, Pixels]:
    """The same smooth random images at the sizes of the classifier and of the CLIPs."""
    coarse = 2 * torch.randn(images, 3, 7, 7, generator=seeded(seed))
    small, large = (
        functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        for size in ((48, 36), (64, 64))
    )
    return small, large
