"""From pixels to the image tokens that words look at."""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError

ImageTokens = Float[Tensor, "batch patches channels"]
"""One vector per place of the image, row by row."""


@runtime_checkable
class ImageTower(Protocol):
    """A module from pixels to image tokens; `width` is the number of their channels."""

    width: int

    def __call__(self, pixels: Pixels, /) -> ImageTokens:
        """The tokens of images of any size that the module takes."""
        ...

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the tokens of images of this size in pixels."""
        ...


class ConvTower(nn.Module):
    """Stages of a convolution of stride 2 and a residual one, each 3 x 3 with batch norm."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        inputs = (3, *channels[:-1])
        self.width = channels[-1]
        self.stages = nn.Sequential(
            *(_Stage(before, after) for before, after in zip(inputs, channels, strict=True))
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Pixels) -> ImageTokens:
        """The places of the last stage, row by row."""
        pixels = pixels.to(memory_format=torch.channels_last)
        maps: Tensor = self.stages(pixels)
        return maps.flatten(2).transpose(1, 2).contiguous()

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The sides halved once per stage, rounded up."""
        scale = 2 ** len(self.stages)
        return -(-height // scale), -(-width // scale)


class _Stage(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halving = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.halving_norm = nn.BatchNorm2d(outputs)
        self.residual = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.residual_norm = nn.BatchNorm2d(outputs)

    def forward(
        self, maps: Float[Tensor, "batch channels rows cols"]
    ) -> Float[Tensor, "batch outputs smaller_rows smaller_cols"]:
        halved = self.halving_norm(self.halving(maps)).relu()
        found: Tensor = (halved + self.residual_norm(self.residual(halved))).relu()
        return found


class FeaturesTower(nn.Module):
    """In the place of a tower that is not at hand: it gives no tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, pixels: Pixels) -> ImageTokens:
        """Raises `UsageError`."""
        raise self._refusal(f"{len(pixels)} images")

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Raises `UsageError`."""
        raise self._refusal(f"an image of {height} x {width} pixels")

    def _refusal(self, came: str) -> UsageError:
        return UsageError(
            f"this narrator was loaded without an image encoder, but {came} came. Give it image "
            "tokens by `adapted`, or name the encoder when loading."
        )


def sine_grid(rows: int, cols: int, *, width: int) -> Float[Tensor, "patches width"]:
    """A code of each place: half of the channels tell the row, half the column.

    Each half holds sines, then cosines, whose wavelengths go from 2 pi patches in equal ratios
    to 128 pi. So the product of two codes depends on the distance alone, by rows and by columns.
    """
    lengths = torch.logspace(0, math.log10(64), width // 4, dtype=torch.float64)

    def waves(count: int) -> Tensor:
        angles = torch.arange(count, dtype=torch.float64)[:, None] / lengths
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    by_row = waves(rows)[:, None].expand(rows, cols, -1)
    by_col = waves(cols)[None].expand(rows, cols, -1)
    return torch.cat([by_row, by_col], dim=2).flatten(0, 1).float()
