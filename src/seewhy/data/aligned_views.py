"""Changed versions of an image in which everything stays in its place."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import OnePixels, Pixels

_STRENGTH = {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2}


def aligned_views(
    image: OnePixels, *, count: int, fill: Float[Tensor, " 3"], seed: int = 0
) -> Iterator[Pixels]:
    """Versions of an image from 0 to 1, one after the other, each as a batch of one.

    Colours are jittered (probability 0.8) or turned to grey (0.2), then one rectangle of 2 to 33 %
    of the area is filled with `fill` (0.5). They depend on `seed` alone; torch's random state is
    left as found.
    """
    from torchvision.transforms import v2

    change = v2.Compose(
        [
            v2.RandomApply([v2.ColorJitter(**_STRENGTH)], p=0.8),
            v2.RandomGrayscale(p=0.2),
            v2.RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=fill.tolist()),
        ]
    )
    image = image.cpu()
    for number in range(count):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed_of(seed, number))
            changed = change(image[None])
        yield changed


def _seed_of(seed: int, number: int) -> int:
    return int(torch.randint(2**62, (1,), generator=_generator(seed, number)))


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed << 24) + number)
