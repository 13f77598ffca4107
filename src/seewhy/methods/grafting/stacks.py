"""The maps of all sites of a network side by side, filled while the network runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.methods.grafting.carriers import Carrier, carriers_of, carries, site_maps
from seewhy.methods.grafting.moments import ChannelsLast, SiteMaps, Totals
from seewhy.methods.grafting.resizing import Size, adjoint_resize
from seewhy.models.guard import device_of, inference
from seewhy.models.sites import Site
from seewhy.taps.forward import Network, forward
from seewhy.taps.hooks import OnCall, on_calls

Shape = tuple[int, int, int]
"""Channels, rows and columns of maps."""

_PILOT_IMAGES = 2
_FORWARD_IMAGES = 32
_FORWARD_PIXELS = 4 * 224 * 224


def units_by_size(shapes: Sequence[Shape]) -> dict[Size, Int[Tensor, " units"]]:
    """Which units, counted through all sites, have maps of each size."""
    units: dict[Size, list[Tensor]] = {}
    first = 0
    for channels, rows, cols in shapes:
        units.setdefault((rows, cols), []).append(torch.arange(first, first + channels))
        first += channels
    return {size: torch.cat(parts) for size, parts in units.items()}


@dataclass(frozen=True)
class Place:
    """Where the maps that carry a site lie in the stack of their size."""

    size: Size
    columns: slice


def places_of(shapes: Sequence[Shape]) -> list[Place]:
    """The place of each site: sites of one size lie side by side, in their order."""
    filled: dict[Size, int] = {}
    places = []
    for channels, rows, cols in shapes:
        first = filled.get((rows, cols), 0)
        filled[rows, cols] = first + channels
        places.append(Place((rows, cols), slice(first, first + channels)))
    return places


@dataclass(frozen=True)
class HeldMaps:
    """The carrying maps of some images as deviations from pilots, by size, and their sums.

    `shapes` are those of the carrying maps, site by site; `units` the sums over a site's own maps
    where others carry them, with their pilots, by the number of the site.
    """

    shapes: tuple[Shape, ...]
    deviations: Mapping[Size, ChannelsLast]
    pilots: Mapping[Size, Float[Tensor, " _"]]
    totals: Mapping[Size, Totals]
    units: Mapping[int, Totals]
    unit_pilots: Mapping[int, Float[Tensor, " _"]]
    workspace: dict[tuple[Size, Size], Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.deviations.values())))

    def reduced(self, size: Size, to: Size) -> Float[Tensor, "positions carried"]:
        """The maps of a size after the adjoint of enlarging from a smaller one."""
        maps = self.deviations[size]
        if size == to:
            return maps.flatten(0, 2)
        room = self.workspace.get((size, to))
        if room is None or len(room) < len(maps):
            room = maps.new_empty(len(maps), *to, maps.shape[3])
            self.workspace[size, to] = room
        return adjoint_resize(maps, to, out=room[: len(maps)]).flatten(0, 2)


class MapStacks:
    """Room for the maps of some images: per size one array, channels last, sites in their order.

    Maps are kept as deviations from a pilot, the mean over the first images: sums of products
    of what is near zero do not cancel. The pilot of a constant map is exactly its value.
    Memory is taken with the first images and used again for all later ones.
    """

    def __init__(
        self,
        network: Network,
        sites: Sequence[Site],
        *,
        images: int,
        dtype: torch.dtype = torch.float32,
        carried: bool = False,
    ) -> None:
        self.images = images
        self._network = network
        self._dtype = dtype
        self._carriers = (
            carriers_of(network.module, sites) if carried else [Carrier(site) for site in sites]
        )
        self._shapes: tuple[Shape, ...] = ()
        self._places: list[Place] = []
        self._stacks: dict[Size, Tensor] = {}
        self._pilots: dict[Size, Tensor] = {}
        self._unit_pilots: dict[int, Tensor] = {}
        self._units: dict[int, Totals] = {}
        self._workspace: dict[tuple[Size, Size], Tensor] = {}

    def hold(self, pixels: Pixels) -> HeldMaps:
        """Run the network on at most `images` images and hold their maps until the next call.

        Raises `DataError` when they are not finite.
        """
        with inference(self._network.module):
            self._fill(pixels)
            deviations = {size: stack[: len(pixels)] for size, stack in self._stacks.items()}
            totals = {size: Totals.of(maps) for size, maps in deviations.items()}
        self._refuse_non_finite(totals)
        return HeldMaps(
            self._shapes,
            deviations,
            self._pilots,
            totals,
            self._units,
            self._unit_pilots,
            self._workspace,
        )

    def smaller(self, images: int) -> None:
        """Give memory back: from now on hold so many images at most, about the same pilots."""
        self.images = images
        self._workspace.clear()
        self._stacks = {size: stack.new_empty(0) for size, stack in self._stacks.items()}

    def _fill(self, pixels: Pixels) -> None:
        pieces = torch.split(pixels, few_at_once(pixels, device_of(self._network.module)))
        for number, piece in enumerate(pieces):
            first = number * len(pieces[0])
            if not self._places:
                self._learn(piece[:_PILOT_IMAGES])
            if first == 0:
                self._make_room()
                self._units = {
                    number: Totals.none(len(pilot), pilot.device)
                    for number, pilot in self._unit_pilots.items()
                }
            put: dict[str, OnCall] = {
                carrier.site.name: partial(self._put, number, first)
                for number, carrier in enumerate(self._carriers)
            }
            with on_calls(self._network.module, put):
                forward(self._network, piece)

    def _learn(self, pixels: Pixels) -> None:
        """Shapes and pilots, from the first few images."""
        calls = _called(self._network, self._carriers, pixels)
        for number, (carrier, (carried, maps)) in enumerate(
            zip(self._carriers, calls, strict=True)
        ):
            if not carries(carrier, carried, maps):
                self._carriers[number] = replace(carrier, weight=None)
                calls[number] = (maps, maps)
            elif carrier.weight is not None:
                self._unit_pilots[number] = _pilot(maps)
        self._shapes = tuple((each.shape[1], each.shape[2], each.shape[3]) for each, _ in calls)
        self._places = places_of(self._shapes)
        pilots: dict[Size, list[Tensor]] = {}
        for place, (carried, _) in zip(self._places, calls, strict=True):
            pilots.setdefault(place.size, []).append(_pilot(carried))
        self._pilots = {size: torch.cat(parts) for size, parts in pilots.items()}

    def _make_room(self) -> None:
        for size, pilot in self._pilots.items():
            stack = self._stacks.get(size)
            if stack is None or not len(stack):
                shape = (self.images, *size, len(pilot))
                self._stacks[size] = torch.empty(shape, dtype=self._dtype, device=pilot.device)

    def _put(self, number: int, at: int, given: Any, output: Tensor) -> None:
        carrier, place = self._carriers[number], self._places[number]
        maps = carrier.maps(given, output)
        if tuple(maps.shape[1:]) != self._shapes[number]:
            raise UsageError(
                f"the maps at {carrier.site.name!r} have shape {tuple(maps.shape[1:])} "
                f"(channels, rows, cols); earlier ones had {self._shapes[number]}. Give all "
                "images the same size."
            )
        room = self._stacks[place.size][at : at + len(maps), ..., place.columns]
        values = maps.permute(0, 2, 3, 1).to(room.device)
        torch.sub(values, self._pilots[place.size][place.columns], out=room)
        if number in self._units:
            units = output.permute(0, 2, 3, 1).to(room.device)
            self._units[number].add(Totals.of(units, about=self._unit_pilots[number]))

    def _refuse_non_finite(self, totals: Mapping[Size, Totals]) -> None:
        for number, (carrier, place) in enumerate(zip(self._carriers, self._places, strict=True)):
            own = self._units.get(number)
            squares = totals[place.size].squares[place.columns] if own is None else own.squares
            if not squares.isfinite().all():
                raise _non_finite(carrier.site)


def few_at_once(pixels: Pixels, device: torch.device) -> int:
    """How many images to pass at once: on a processor so few that their maps stay in its caches."""
    if device.type != "cpu":
        return max(1, len(pixels))
    area = pixels.shape[2] * pixels.shape[3]
    return max(1, min(_FORWARD_IMAGES, _FORWARD_PIXELS // area))


def _pilot(maps: SiteMaps) -> Float[Tensor, " channels"]:
    pivot = maps[0, :, 0, 0].float()
    return pivot + (maps - pivot[:, None, None]).mean(dim=(0, 2, 3), dtype=torch.float32)


def captured_maps(model: Network, sites: Sequence[Site], pixels: Pixels) -> list[SiteMaps]:
    """The maps at the sites, from one forward pass; raises `DataError` when not finite."""
    with inference(model.module):
        calls = _called(model, [Carrier(site) for site in sites], pixels)
    return [maps for _, maps in calls]


def _called(
    model: Network, carriers: Sequence[Carrier], pixels: Pixels
) -> list[tuple[SiteMaps, SiteMaps]]:
    """Carrying maps and own maps of each site."""
    kept: dict[str, tuple[SiteMaps, SiteMaps]] = {}
    keep: dict[str, OnCall] = {each.site.name: partial(_keep, each, kept) for each in carriers}
    with on_calls(model.module, keep):
        forward(model, pixels)
    for carrier in carriers:
        if not kept[carrier.site.name][1].sum(dtype=torch.float32).isfinite():
            raise _non_finite(carrier.site)
    return [kept[carrier.site.name] for carrier in carriers]


def _keep(
    carrier: Carrier, kept: dict[str, tuple[SiteMaps, SiteMaps]], given: Any, output: Tensor
) -> None:
    with torch.inference_mode(mode=False):
        maps = site_maps(carrier.site, output).clone().to(_exact_device(output.device))
        carried = maps if carrier.weight is None else carrier.maps(given, output).clone().to(maps)
        kept[carrier.site.name] = carried, maps


def _non_finite(site: Site) -> DataError:
    return DataError(
        "non_finite",
        f"the maps at {site.name!r} hold NaN or infinity. Check the weights and the images.",
    )


def _exact_device(device: torch.device) -> torch.device:
    """Where float64 statistics can be kept: Apple's GPUs have no float64."""
    return torch.device("cpu") if device.type == "mps" else device
