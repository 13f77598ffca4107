"""Which maps have to be summed for a site: its own, or fewer that its own are a linear image of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.moments import SiteMaps
from seewhy.models.sites import Site

_TOLERANCE = 1e-4

Weight = Float[Tensor, "_ _"]
"""Units by carrying maps, of one of several sites."""


@dataclass(frozen=True)
class Carrier:
    """The maps that stand for those of a site in all sums.

    Without a `weight` they are its own. With one they are the inputs of a pointwise convolution,
    every `stride`-th row and column, of which there are fewer: the maps of the site are
    weight @ inputs + a constant. Resizing is linear too, so a sum of products with the site's
    maps is weight @ the same sum with the inputs.
    """

    site: Site
    weight: Weight | None = None
    stride: tuple[int, int] = (1, 1)

    def maps(self, given: Any, output: Tensor) -> SiteMaps:
        """The carrying maps, from what the site's module was given and what it made of it."""
        if self.weight is None:
            return site_maps(self.site, output)
        down, across = self.stride
        maps: Tensor = given[:, :, ::down, ::across]
        return maps


def carriers_of(module: nn.Module, sites: Sequence[Site]) -> list[Carrier]:
    """The cheapest carrier of each site."""
    modules = dict(module.named_modules(remove_duplicate=False))
    return [_carrier(site, modules.get(site.name)) for site in sites]


def _carrier(site: Site, module: nn.Module | None) -> Carrier:
    if site.layout != "maps" or not isinstance(module, nn.Conv2d) or not _expands(module):
        return Carrier(site)
    down, across = module.stride
    return Carrier(site, module.weight.detach()[:, :, 0, 0], (down, across))


def _expands(convolution: nn.Conv2d) -> bool:
    return (
        type(convolution) is nn.Conv2d
        and convolution.kernel_size == (1, 1)
        and convolution.padding in ((0, 0), "valid")
        and convolution.groups == 1
        and convolution.in_channels < convolution.out_channels
        and convolution.weight.dtype == torch.float32
    )


def carries(carrier: Carrier, carried: SiteMaps, maps: SiteMaps) -> bool:
    """Whether the site's maps really are what its carrier says; hooks may have changed them."""
    if carrier.weight is None:
        return True
    own = torch.einsum("uc,ncij->nuij", carrier.weight, carried - _mean(carried))
    wanted = maps - _mean(maps)
    return bool((own - wanted).abs().max() <= _TOLERANCE * wanted.abs().max())


def _mean(maps: SiteMaps) -> Float[Tensor, "1 channels 1 1"]:
    return maps.mean(dim=(0, 2, 3), keepdim=True)


def site_maps(site: Site, output: Tensor) -> SiteMaps:
    """The maps in a site's output; raises `UsageError` where it holds none."""
    if site.layout == "maps" and output.ndim != 4:
        raise UsageError(
            f"site {site.name!r} gave shape {tuple(output.shape)}; expected maps (batch, channels, "
            "rows, cols). Choose a convolution, or describe the token grid of the site."
        )
    return site.to_maps(output)
