"""Image towers of dual encoders and classifiers of the zoos, as encoders of images alone."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import device_of, inference, input_dtype
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.ssl.families import Compared


@dataclass(frozen=True)
class Place:
    """Where an encoder's maps are: a submodule, and the size of a patch if it gives tokens."""

    site: str | None = None
    patch: tuple[int, int] | None = None


def encoder_of_images(
    model: OpenClipEncoder | Classifier, *, compared: Compared | None = None
) -> ImageEncoder:
    """The image tower of a dual encoder, or a classifier; the module becomes the result's own.

    Compared are a tower's joint embeddings and a classifier's pooled features, unless the
    other is asked for: a tower's features before the projection, a classifier's scores.
    """
    if isinstance(model, OpenClipEncoder):
        module: Any = model.module.visual
        if compared == "features":
            module = _without_projection(module, model.name)
    else:
        module = model.module
        if compared != "head":
            module = _without_scores(module, model.name)
    place = find_place(module, model.preprocess(Image.new("RGB", (64, 64))))
    return ImageEncoder(
        module,
        preprocess=model.preprocessing,
        name=model.name,
        site=place.site,
        patch=place.patch,
        notes=model.notes,
    )


def _without_projection(visual: Any, name: str) -> nn.Module:
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if isinstance(visual, VisionTransformer):
        visual.proj = None
    elif isinstance(visual, ModifiedResNet):
        visual.attnpool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    elif isinstance(visual, TimmModel):
        visual.head = nn.Sequential()
    else:
        raise UsageError(
            f"the features of {name} before its projection are unknown (its image tower is a "
            f"{type(visual).__name__}). Compare its embeddings: compared='head'."
        )
    return visual


def _without_scores(module: Any, name: str) -> nn.Module:
    """The classifier up to what its last linear layer reads."""
    if hasattr(module, "reset_classifier"):
        module.reset_classifier(0)
        whole: nn.Module = module
        return whole
    places = [place for place, child in module.named_modules() if isinstance(child, nn.Linear)]
    if not places:
        raise UsageError(
            f"{name} has no linear layer at its end, so its features are unknown. Compare its "
            "scores: compared='head'."
        )
    parent, _, child = places[-1].rpartition(".")
    setattr(module.get_submodule(parent), child, nn.Identity())
    kept: nn.Module = module
    return kept


def find_place(module: nn.Module, pixels: Tensor) -> Place:
    """The last maps of a convolutional network, or what a ViT's last attention reads.

    Found by one forward pass of an image (3, height, width). No place where neither is there.
    """
    transformer = _transformer(module)
    if transformer is not None:
        return transformer
    shapes: dict[str, list[torch.Size]] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes.setdefault(name, []).append(output.shape)

        return hook

    with inference(module):
        for name, child in module.named_modules():
            if name:
                child.register_forward_hook(note(name))
        module(pixels[None].to(device_of(module), input_dtype(module)))
    found = [name for name, given in shapes.items() if len(given) == 1 and _is_maps(given[0])]
    return Place(found[-1] if found else None)


def _is_maps(shape: torch.Size) -> bool:
    """Channels before places, as a square input shows it, and more than one place."""
    return len(shape) == 4 and shape[2] == shape[3] > 1


def _transformer(module: Any) -> Place | None:
    """The places of open_clip's, timm's and torchvision's ViTs, by their attributes' names."""
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer as OpenClipTransformer
    from timm.models.vision_transformer import VisionTransformer as TimmTransformer
    from torchvision.models import VisionTransformer as TorchvisionTransformer

    if isinstance(module, TimmModel):
        inner = _transformer(module.trunk)
        return None if inner is None else Place(f"trunk.{inner.site}", inner.patch)
    if isinstance(module, OpenClipTransformer):
        last = len(module.transformer.resblocks) - 1
        return Place(f"transformer.resblocks.{last}.ln_1", tuple(module.patch_size))
    if isinstance(module, TimmTransformer):
        high, wide = module.patch_embed.patch_size
        return Place(f"blocks.{len(module.blocks) - 1}.norm1", (high, wide))
    if isinstance(module, TorchvisionTransformer):
        last = len(module.encoder.layers) - 1
        side = module.patch_size
        return Place(f"encoder.layers.encoder_layer_{last}.ln_1", (side, side))
    return None
