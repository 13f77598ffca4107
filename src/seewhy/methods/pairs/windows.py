"""Where the windows of an occlusion lie, and the images that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import OnePixels, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.blur import blurred
from seewhy.methods.pairs.method import Centres, Size
from seewhy.taps.regions import Box

NamedFill = Literal["zero", "mean", "blurred"]
Fill = NamedFill | tuple[float, float, float]
"""What hidden pixels become: 0 in the model's input (black, or the mean colour where inputs are
normalised), the image's own mean colour, its blur, or a colour given as the input's values."""

Rest = Literal["left", "covered"]


@dataclass(frozen=True)
class Grid:
    """Square windows over an input, row by row, by their upper and left edges in pixels."""

    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    window: int

    @property
    def boxes(self) -> list[Box]:
        """One box per cell, row by row."""
        side = self.window
        return [Box(top, left, top + side, left + side) for top in self.tops for left in self.lefts]

    @property
    def centres(self) -> Centres:
        """Of the windows, in pixels."""
        half = self.window / 2
        return Centres(
            tuple(top + half for top in self.tops), tuple(left + half for left in self.lefts)
        )

    def maps(self, values: Float[Tensor, "batch windows"]) -> Float[Tensor, "batch rows cols"]:
        """Values of the boxes, in their places."""
        return values.reshape(-1, len(self.tops), len(self.lefts))


def edges(length: int, *, window: int, stride: int, rest: Rest) -> tuple[int, ...]:
    """Where windows begin along one axis.

    What is too short for a further stride is left unseen, as published, or covered by a last
    window that ends with the input.
    """
    regular = tuple(range(0, length - window + 1, stride))
    last = length - window
    return (*regular, last) if rest == "covered" and regular[-1] != last else regular


def grid(size: Size, *, window: int, stride: int, rest: Rest) -> Grid:
    """All windows of an input; raises `UsageError` for one that is larger than the input."""
    if stride < 1 or not 1 <= window <= min(size):
        raise UsageError(
            f"windows of {window} pixels every {stride} pixels over an input of {size[0]} x "
            f"{size[1]}; wanted a window between 1 and {min(size)} pixels and a stride of at "
            "least 1."
        )
    tops, lefts = (edges(length, window=window, stride=stride, rest=rest) for length in size)
    return Grid(tops, lefts, window)


def filling(pixels: Pixels, fill: Fill, *, window: int) -> Pixels:
    """What is seen in the place of hidden pixels, over the whole of each image.

    The blur has a deviation of a quarter of the window's side, so that a window of it shows no
    detail of what it hides.
    """
    if isinstance(fill, tuple):
        return torch.tensor(fill).to(pixels).view(1, 3, 1, 1).expand_as(pixels)
    if fill == "zero":
        return torch.zeros_like(pixels)
    if fill == "mean":
        return pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels)
    return blurred(pixels, side=2 * (window // 2) + 1, deviation=max(window / 4, 1e-3))


def pasted(
    base: OnePixels, content: OnePixels, boxes: Sequence[Box]
) -> Float[Tensor, "images 3 height width"]:
    """For each box the base image with the content in it."""
    images = base.expand(len(boxes), *base.shape).clone(memory_format=torch.contiguous_format)
    for image, box in zip(images, boxes, strict=True):
        rows, cols = box.slices
        image[:, rows, cols] = content[:, rows, cols]
    return images
