"""Image towers of open_clip taken apart, for methods that put their ends together anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.models.guard import input_dtype
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers.condition import refuse_unreadable
from seewhy.models.towers.openclip_towers import modified_resnet, vision_transformer
from seewhy.models.towers.parts import Affine as Affine
from seewhy.models.towers.parts import Block as Block
from seewhy.models.towers.parts import Grid, refusal
from seewhy.models.towers.parts import PoolingTower as PoolingTower
from seewhy.models.towers.parts import Positions as Positions
from seewhy.models.towers.parts import SelfAttention as SelfAttention
from seewhy.models.towers.parts import Tower as Tower
from seewhy.models.towers.parts import TransformerTower as TransformerTower
from seewhy.models.towers.timm_towers import timm_transformer
from seewhy.models.wrappers import unwrapped


def image_tower(encoder: OpenClipEncoder) -> Tower:
    """The encoder's image tower in its parts; raises `UsageError` for towers of other kinds.

    Of a tower in DataParallel or `torch.compile`, the module inside is used.
    """
    visual = unwrapped(getattr(encoder.module, "visual", None))
    if visual is None:
        raise UsageError(
            f"{encoder.name} has no image tower (its module is a {type(encoder.module).__name__}). "
            "Give an open_clip model, such as `seewhy.load_model('open_clip:ViT-B-16/openai')`."
        )
    family = _families().get(type(visual))
    if family is None:
        raise refusal(encoder.name, f"is a {type(visual).__name__}")
    refuse_unreadable(visual, encoder.name)
    return family(visual, encoder.name)


def _families() -> dict[type, Callable[[Any, str], Tower]]:
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    return {
        VisionTransformer: vision_transformer,
        ModifiedResNet: modified_resnet,
        TimmModel: timm_transformer,
    }


def patch_grid(tower: Tower, pixels: Pixels) -> Grid:
    """Rows and columns of patches; raises `UsageError` where patches would be cut off."""
    height, width = pixels.shape[2:]
    check_whole_patches(tower, height, width)
    high, wide = tower.patch
    return height // high, width // wide


def check_whole_patches(tower: Tower, height: int, width: int) -> None:
    """Raise `UsageError` for a size in pixels that is no whole number of patches."""
    high, wide = tower.patch
    if height % high or width % wide or not height or not width:
        raise UsageError(
            f"{tower.name} works on patches of {high} x {wide} pixels, and {height} x {width} is "
            f"no multiple of them. Use {_multiple(height, high)} x {_multiple(width, wide)}."
        )


def embed_at(
    tower: Tower, pixels: Pixels, positions: Float[Tensor, "tokens dim"]
) -> Float[Tensor, "batch embed"]:
    """The tower's own forward pass, with these rows in place of its position embedding.

    The parameter itself is not written to. Without output normalisation; gradients flow.
    """
    held, visual = tower.positions, tower.visual
    pixels = pixels.to(input_dtype(visual))
    with _uncompiled(visual):
        if positions is held.table:
            found = visual(pixels)
        else:
            parameters = {held.name: held.as_parameter(positions)}
            with tower.at_grid(patch_grid(tower, pixels)):
                found = torch.func.functional_call(visual, parameters, (pixels,))
    embedding: Tensor = found[0] if isinstance(found, tuple) else found
    return embedding


@contextmanager
def _uncompiled(visual: nn.Module) -> Iterator[None]:
    """Compiled code would not call what listens to submodules."""
    if any(child._compiled_call_impl is not None for child in visual.modules()):
        with torch.compiler.set_stance("force_eager"):
            yield
    else:
        yield


def _multiple(length: int, step: int) -> int:
    return max(round(length / step), 1) * step
