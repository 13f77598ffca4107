"""The name of one tensor inside a model, and how it becomes activation maps."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from seewhy.base.axes import Maps
from seewhy.base.errors import UsageError


@dataclass(frozen=True)
class Site:
    """The output of the module called `name`, seen as activation maps.

    Layout "maps" is (batch, channels, rows, cols). Layout "tokens" is (batch, tokens, channels):
    `prefix` tokens (class, registers) come first, the rest is a grid of `grid` = (rows, cols).
    """

    name: str
    layout: Literal["maps", "tokens"] = "maps"
    prefix: int = 0
    grid: tuple[int, int] | None = None

    def to_maps(self, output: Tensor) -> Maps:
        """The output as (batch, channels, rows, cols); prefix tokens are left out."""
        if self.layout == "maps":
            return output
        rows, cols = self._checked_grid(output)
        patches = output[:, self.prefix :]
        return patches.reshape(len(output), rows, cols, -1).permute(0, 3, 1, 2)

    def with_maps(self, output: Tensor, maps: Maps) -> Tensor:
        """The output with its maps replaced; prefix tokens stay as they are."""
        maps = maps.to(output.dtype)
        if self.layout == "maps":
            return maps
        self._checked_grid(output)
        patches = maps.flatten(2).transpose(1, 2)
        return torch.cat([output[:, : self.prefix], patches], dim=1)

    def _checked_grid(self, output: Tensor) -> tuple[int, int]:
        rows, cols = self.grid or (0, 0)
        if output.ndim != 3 or output.shape[1] != self.prefix + rows * cols:
            raise UsageError(
                f"site {self.name!r} gave shape {tuple(output.shape)}; expected (batch, "
                f"{self.prefix} + {rows} x {cols} tokens, channels). "
                "Describe the site with the right `prefix` and `grid`."
            )
        return rows, cols
