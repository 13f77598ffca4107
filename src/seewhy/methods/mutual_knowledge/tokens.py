"""Patch tokens of any image tower, and the embedding of the whole image by the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.models.guard import device_of, inference, input_dtype
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import PoolingTower, TransformerTower, embed_at, image_tower, patch_grid
from seewhy.models.towers.convolutions import LastStage, last_stage
from seewhy.models.towers.parts import refusal
from seewhy.models.towers.positions import positions_at
from seewhy.taps.capture import capture

Facet = Literal["last_layer", "keys", "unbiased_keys"]

_IMAGES_AT_ONCE = 32

Rows = Float[Tensor, "batch tokens _"]
Grids = Float[Tensor, "batch rows cols dim"]


@dataclass(frozen=True)
class PatchTokens:
    """Tokens of patches on their grid, and embeddings, which are not of unit length; float32."""

    patches: Grids
    embeddings: Float[Tensor, "batch embed"]


def patch_tokens(
    encoder: OpenClipEncoder, pixels: Pixels, *, facet: Facet = "last_layer"
) -> PatchTokens:
    """What the last layer of the image tower holds of each patch; prefix tokens are dropped.

    "last_layer" is a ViT's stream after its last block, before the final norm, or a CNN's maps
    of the last stage, before pooling. "keys" are those of a ViT's last self-attention as it
    compares them, heads side by side; "unbiased_keys" are without bias and norm, as published.
    Of any size in whole patches. Raises `UsageError` for other sizes, for towers that cannot be
    taken apart, and for keys of a CNN.
    """
    with inference(encoder.module):
        groups = torch.split(pixels.to(device_of(encoder.module)), _IMAGES_AT_ONCE)
        found = [_read(encoder, group, facet) for group in groups]
    # Tensors made in inference mode could not take part in later computations of gradients.
    return PatchTokens(
        torch.cat([each.patches for each in found]).clone(),
        torch.cat([each.embeddings for each in found]).clone(),
    )


def _read(encoder: OpenClipEncoder, pixels: Pixels, facet: Facet) -> PatchTokens:
    stage = last_stage(encoder)
    if stage is not None:
        _refuse_keys(encoder.name, facet)
        return _of_stage(encoder, pixels, stage)
    tower = image_tower(encoder)
    if isinstance(tower, PoolingTower):
        _refuse_keys(encoder.name, facet)
        site = tower.maps
    else:
        site = tower.stream if facet == "last_layer" else tower.blocks[-1].norm
    with capture(tower.visual, [site]) as seen:
        embeddings = embed_at(tower, pixels, positions_at(tower, pixels)).float()
    if isinstance(tower, PoolingTower):
        return PatchTokens(seen[site].float().movedim(1, -1), embeddings)
    rows = seen[site] if facet == "last_layer" else _keys(tower, seen, facet)
    return PatchTokens(_on_grid(tower, pixels, rows), embeddings)


def _keys(tower: TransformerTower, seen: Mapping[str, Tensor], facet: Facet) -> Rows:
    attention, tokens = tower.blocks[-1].attention, seen[tower.blocks[-1].norm]
    if facet == "unbiased_keys":
        return tokens @ attention.key.weight.T
    return attention.keys(tokens).transpose(1, 2).flatten(2)


def _on_grid(tower: TransformerTower, pixels: Pixels, tokens: Rows) -> Grids:
    rows, cols = patch_grid(tower, pixels)
    found = tokens.shape[1] - tower.prefix
    if found != rows * cols:
        raise UsageError(
            f"{tower.name} gave {found} patches for a grid of {rows} x {cols}. Remove what drops "
            "or merges tokens in it."
        )
    return tokens[:, tower.prefix :].float().reshape(len(tokens), rows, cols, -1)


def _of_stage(encoder: OpenClipEncoder, pixels: Pixels, stage: LastStage) -> PatchTokens:
    with capture(encoder.module.visual, [stage.name]) as seen:
        embeddings = encoder.module.encode_image(pixels.to(input_dtype(encoder.module.visual)))
    maps = seen[stage.name]
    if maps.ndim != 4 or maps.shape[1] != stage.channels:
        raise refusal(encoder.name, f"gives no maps at {stage.name}")
    return PatchTokens(maps.float().movedim(1, -1), embeddings.float())


def _refuse_keys(name: str, facet: Facet) -> None:
    if facet != "last_layer":
        raise UsageError(
            f"{facet!r} are those of a ViT's attention, and the image tower of {name} is a CNN. "
            "Use 'last_layer'."
        )
