"""How many images' maps fit into the memory that a user grants."""

from collections.abc import Mapping, Sequence

from PIL import Image
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.matching import IMAGES_AT_ONCE
from seewhy.methods.grafting.resizing import Size
from seewhy.methods.grafting.stacks import MapStacks, Shape, units_by_size
from seewhy.models.protocols import DualEncoder
from seewhy.models.sites import Site
from seewhy.taps.forward import Network

_FLOAT = 4
_PROCESS = 700 * 2**20
"""What Python and the libraries take by themselves."""


def images_within(
    memory: int, classifier: Network, encoder: DualEncoder, *, sites: Sequence[Site]
) -> int:
    """The most images whose maps can be held at once, 1 to 16, within `memory` bytes.

    Raises `UsageError` when not even the tables of sums fit.
    """
    sources = _shapes(classifier, sites, carried=True)
    targets = _shapes(encoder, encoder.stages(), carried=False)
    weights = sum(
        _weights(network.module) for network in {id(n): n for n in (classifier, encoder)}.values()
    )
    tables = _FLOAT * _units(sources) * _units(targets)
    # Two parts in double precision meet when they merge; then no maps are held.
    merging = _PROCESS + weights + 4 * tables
    each = _FLOAT * (_values(sources, targets) + _values(targets, sources))
    images = (memory - _PROCESS - weights - tables) // each
    if images < 1 or merging > memory:
        needed = max(merging, _PROCESS + weights + tables + each)
        raise UsageError(
            f"{memory / 1e9:.1f} GB of memory are too little to match {_units(sources):,} with "
            f"{_units(targets):,} units: {needed / 1e9:.1f} GB are needed. Raise --memory, or take "
            "a smaller encoder."
        )
    return int(min(images, IMAGES_AT_ONCE))


def _shapes(network: Network, sites: Sequence[Site], *, carried: bool) -> tuple[Shape, ...]:
    blank = network.preprocess(Image.new("RGB", (64, 64), (128, 128, 128)))
    return MapStacks(network, sites, images=1, carried=carried).hold(blank[None]).shapes


def _weights(module: nn.Module) -> int:
    return sum(each.numel() * each.element_size() for each in module.state_dict().values())


def _units(shapes: Sequence[Shape]) -> int:
    return sum(channels for channels, _, _ in shapes)


def _values(own: Sequence[Shape], other: Sequence[Shape]) -> int:
    """The maps of one image, and each size of them reduced to every smaller size of the others."""
    sizes: Mapping[Size, Tensor] = units_by_size(own)
    smaller = {
        (size, (min(size[0], to[0]), min(size[1], to[1])))
        for size in sizes
        for to in units_by_size(other)
    } | {(size, size) for size in sizes}
    return sum(len(sizes[size]) * rows * cols for size, (rows, cols) in smaller)
