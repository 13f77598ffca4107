"""One forward pass of an image tower, watched; and gradients of its similarities with texts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, Maps, Pixels, TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.models.guard import device_of, input_dtype
from seewhy.models.towers import PoolingTower, Tower, TransformerTower, embed_at, patch_grid
from seewhy.models.towers.positions import positions_at
from seewhy.taps.hooks import OnCall, on_calls

_WEIGHTS_AT_ONCE = 2**25

Cosines = Float[Tensor, "batch texts"]
Row = Float[Tensor, "batch tokens"]


def embedded(tower: Tower, pixels: Pixels, watched: Mapping[str, OnCall]) -> Embeddings:
    """Image embeddings of unit length; functions are called on submodules by the way.

    Of any size that is a multiple of the patches; raises `UsageError` for others.
    """
    with on_calls(tower.visual, watched):
        embeddings = embed_at(tower, pixels, positions_at(tower, pixels))
    return functional.normalize(embeddings.float(), dim=-1)


def refuse_without_class_token(tower: Tower, method: str) -> None:
    """Raise `UsageError` for a ViT whose embedding is not read off token 0."""
    if isinstance(tower, TransformerTower) and tower.pooling != "class-token":
        raise UsageError(
            f"{method} starts at the token that the embedding is read off, and {tower.name} has "
            f"none: it pools its patches by {tower.pooling}. Ask for 'clip-surgery', 'raw', "
            "'grad-cam' or 'score-cam'."
        )


def tower_input(tower: Tower, pixels: Pixels) -> Pixels:
    """Pixels on the device and in the precision of a tower, free to take part in gradients."""
    pixels = pixels.to(device_of(tower.visual), input_dtype(tower.visual))
    return pixels.clone() if pixels.is_inference() else pixels


class Kept:
    """Called on a submodule, it keeps its first input and its output."""

    given: Tensor
    output: Tensor

    def __call__(self, given: Any, output: Tensor) -> Tensor:
        """Leave the output as it is."""
        self.given, self.output = given, output
        return output


class Leaf(Kept):
    """The same, but gradients begin at the output: nothing that comes before has any."""

    def __call__(self, given: Any, output: Tensor) -> Tensor:
        """Put in the output's place."""
        self.given, self.output = given, output.detach().requires_grad_()
        return self.output


class LeafOnce(Leaf):
    """A `Leaf` only where gradients have not begun before; else the output is kept as it is."""

    def __call__(self, given: Any, output: Tensor) -> Tensor:
        """Put in the output's place."""
        if not output.requires_grad:
            return super().__call__(given, output)
        self.given, self.output = given, output
        return output


def channel_site(tower: Tower, depth: int = 1) -> str:
    """The submodule whose output holds the channels of class activation maps.

    A ResNet's last maps; in a ViT what the attention of a block reads, counted from the end.
    """
    return tower.maps if isinstance(tower, PoolingTower) else tower.blocks[-depth].norm


def channel_maps(channels: Tensor, grid: tuple[int, int]) -> Maps:
    """Tokens (batch, tokens, channels) without their prefix, or maps as they are; in float32."""
    rows, cols = grid
    if channels.ndim == 4:
        return channels.float()
    patches = channels[:, channels.shape[1] - rows * cols :].float()
    return patches.transpose(1, 2).reshape(len(patches), -1, rows, cols)


def patch_map(row: Row, grid: tuple[int, int]) -> Float[Tensor, "batch rows cols"]:
    """One value per token as a map, without those of prefix tokens; in float32."""
    rows, cols = grid
    return row[:, row.shape[1] - rows * cols :].float().reshape(-1, rows, cols)


def image_groups(tower: Tower, pixels: Pixels) -> tuple[Float[Tensor, "_ 3 height width"], ...]:
    """The images in groups whose attention weights in one block take 128 MiB at most, or one."""
    rows, cols = patch_grid(tower, pixels)
    attention = tower.attention if isinstance(tower, PoolingTower) else tower.blocks[-1].attention
    each = attention.heads * (rows * cols + 1) ** 2
    return torch.split(pixels, max(_WEIGHTS_AT_ONCE // each, 1))


def cosines(embeddings: Embeddings, texts: TextEmbeddings) -> Cosines:
    """Similarities of images and texts, both of unit length."""
    # Texts that the user encoded in inference mode may take part in no gradient.
    texts = texts.clone() if texts.is_inference() else texts
    return embeddings @ texts.to(embeddings.device).T


def gradients(found: Cosines, tensors: Sequence[Tensor]) -> Iterator[tuple[Tensor, ...]]:
    """For each text in turn, the gradients of its similarities; zeros where there is no way.

    One text at a time: all at once is no faster and takes the memory of all texts.
    """
    for similarities in found.unbind(dim=1):
        yield torch.autograd.grad(
            similarities.sum(), tensors, retain_graph=True, materialize_grads=True
        )
