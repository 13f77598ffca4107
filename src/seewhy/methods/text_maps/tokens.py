"""Patch embeddings of the joint space: rerouted around the last blocks, or the model's own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Maps, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.attention import Rerouting, Tokens, rerouted
from seewhy.models.towers import PoolingTower, Tower, TransformerTower, embed_at, patch_grid
from seewhy.models.towers.condition import refuse_training
from seewhy.models.towers.positions import positions_at
from seewhy.taps.hooks import OnCall, on_calls

PoolMode = Literal["faithful", "resnet_setting", "released"]


@dataclass(frozen=True)
class Surgery:
    """How the last attention of an image tower is rerouted.

    A ViT's last `depth` blocks get a second stream without MLPs, fed by the first one;
    `attention` says which tokens look at each other there, None is "vv". In a ResNet only the
    attention pool is changed: `pool="released"` is the published code, "resnet_setting" its
    branch that nothing switches on ("unit-vv" for patches). Both change the image embedding;
    "faithful" is the second with the model's own embedding.

    Source: Li et al., A Closer Look at the Explainability of Contrastive Language-Image
    Pre-training, Pattern Recognition 162 (2025), arXiv 2304.05653.
    """

    depth: int = 6
    attention: Rerouting | None = None
    pool: PoolMode = "faithful"


@dataclass(frozen=True)
class ImageTokens:
    """What an image tower says of whole images and of their patches; not normalised."""

    embeddings: Float[Tensor, "batch embed"]
    patches: Float[Tensor, "batch rows cols embed"]


@dataclass(frozen=True)
class _Seen:
    """First input and output of submodules in one forward pass."""

    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)


def surgery_tokens(tower: Tower, pixels: Pixels, surgery: Surgery) -> ImageTokens:
    """One forward pass of the tower as it is, with the rerouted stream read off beside it.

    Gradients flow where they are recorded. Raises `UsageError` for a depth that the tower does
    not have, for pixels that are no whole number of patches, and in a training mode that makes
    results random.
    """
    refuse_training(tower)
    if isinstance(tower, PoolingTower):
        return _pool_tokens(tower, pixels, surgery)
    check_depth(tower, surgery.depth)
    blocks = tower.blocks[-surgery.depth :]
    with _watched(tower, [block.norm for block in blocks]) as seen:
        embeddings = _embedded(tower, pixels)
    stream: Tensor = seen.inputs[blocks[0].norm]
    for block in blocks:
        normed = seen.outputs[block.norm]
        stream = stream + rerouted(normed, block.attention, by=surgery.attention or "vv")
    return _tokens(tower, pixels, embeddings, patches=tower.read(stream[:, tower.prefix :]))


def raw_tokens(tower: Tower, pixels: Pixels) -> ImageTokens:
    """The tower's own tokens, put where the image embedding lives; no surgery."""
    refuse_training(tower)
    if isinstance(tower, PoolingTower):
        return _pool_tokens(tower, pixels, Surgery(attention="qk"))
    with _watched(tower, [tower.stream]) as seen:
        embeddings = _embedded(tower, pixels)
    patches = tower.read(seen.outputs[tower.stream][:, tower.prefix :])
    return _tokens(tower, pixels, embeddings, patches=patches)


def _pool_tokens(tower: PoolingTower, pixels: Pixels, surgery: Surgery) -> ImageTokens:
    with _watched(tower, [tower.pool]) as seen:
        embeddings = _embedded(tower, pixels)
    positions = positions_at(tower, pixels)
    tokens = pool_input(seen.inputs[tower.pool], positions)
    usual: Rerouting = "vv" if surgery.pool == "released" else "unit-vv"
    patches = rerouted(tokens, tower.attention, by=surgery.attention or usual)[:, 1:]
    if surgery.pool != "faithful":
        embeddings = rerouted(tokens, tower.attention, by="vv")[:, 0]
    return _tokens(tower, pixels, embeddings, patches=patches)


def pool_input(maps: Maps, positions: Float[Tensor, "tokens channels"]) -> Tokens:
    """The tokens of an attention pool: the mean of the maps, then every position."""
    cells = maps.flatten(2).transpose(1, 2)
    cells = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1)
    return cells + positions.to(cells.dtype)


@contextmanager
def _watched(tower: Tower, names: Iterable[str]) -> Iterator[_Seen]:
    seen = _Seen()
    hooks: dict[str, OnCall] = {name: partial(_keep, name, seen) for name in names}
    with on_calls(tower.visual, hooks):
        yield seen


def _keep(name: str, seen: _Seen, given: Any, output: Tensor) -> None:
    seen.inputs[name], seen.outputs[name] = given, output


def _embedded(tower: Tower, pixels: Pixels) -> Float[Tensor, "batch embed"]:
    return embed_at(tower, pixels, positions_at(tower, pixels))


def _tokens(
    tower: Tower,
    pixels: Pixels,
    embeddings: Float[Tensor, "batch embed"],
    *,
    patches: Float[Tensor, "batch patches embed"],
) -> ImageTokens:
    rows, cols = patch_grid(tower, pixels)
    if patches.shape[1] != rows * cols:
        raise UsageError(
            f"{tower.name} gave {patches.shape[1]} patches for a grid of {rows} x {cols}. Remove "
            "what drops or merges tokens in it."
        )
    return ImageTokens(embeddings, patches.reshape(len(patches), rows, cols, -1))


def check_depth(tower: Tower, depth: int) -> None:
    """Raise `UsageError` for a depth that a ViT does not have; a ResNet has none to choose."""
    if isinstance(tower, TransformerTower) and not 1 <= depth <= len(tower.blocks):
        raise UsageError(
            f"a surgery of depth {depth} was asked for; {tower.name} has {len(tower.blocks)} "
            f"blocks. Use a depth of 1 to {len(tower.blocks)}."
        )
