"""The views that self-supervised encoders are trained and explained with, by name and seed.

Geometry and strengths are those of the published evaluation code; the operations are
torchvision's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from PIL import Image
from torchvision.transforms import v2

from seewhy.base.axes import OnePixels
from seewhy.base.errors import UsageError
from seewhy.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

_SIDE, _BEFORE_CROP = 224, 256


def view_of(
    image: Image.Image, name: str, *, seed: int = 0, preprocessing: Preprocessing | None = None
) -> OnePixels:
    """One of `VIEWS` of an image, at 224 pixels; the seed decides all chance.

    "no_shift" views show the whole image, squashed, so that places agree; "mix" views change the
    central crop in one way. `preprocessing` gives mean and deviation, by default ImageNet's.
    """
    if name not in VIEWS:
        raise UsageError(f"no view {name!r}; there are {', '.join(VIEWS)}.")
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if preprocessing is not None:
        mean, std = preprocessing.mean, preprocessing.std
    steps = [*_STEPS[name](), *_tensor(mean, std)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pixels: OnePixels = v2.Compose(steps)(image.convert("RGB"))
    return pixels


def small_views(mean: tuple[float, ...], std: tuple[float, ...], *, side: int) -> Any:
    """What small encoders are trained with: mild crops and colours, and a rectangle erased.

    Colours stay what they are, as they are half of what an object is known by. A rectangle in
    the grey of the mean teaches that such a rectangle, which occlusion puts, says nothing.
    """
    return v2.Compose(
        [
            v2.RandomResizedCrop(side, scale=(0.6, 1.0), ratio=(0.9, 1.1), antialias=True),
            v2.ColorJitter(0.15, 0.15, 0.15, 0.02),
            v2.Normalize(list(mean), list(std)),
            v2.RandomErasing(0.5, scale=(0.02, 0.1), ratio=(0.5, 2.0)),
        ]
    )


def _tensor(mean: tuple[float, ...], std: tuple[float, ...]) -> list[Any]:
    return [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(list(mean), list(std)),
        v2.ToPureTensor(),
    ]


def _centre() -> list[Any]:
    return [v2.Resize(_BEFORE_CROP), v2.CenterCrop(_SIDE)]


def _squashed() -> list[Any]:
    return [v2.Resize((_SIDE, _SIDE))]


def _colours() -> list[Any]:
    return [v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8), v2.RandomGrayscale(0.2)]


def _perhaps_blurred() -> list[Any]:
    return [v2.RandomApply([v2.GaussianBlur(21, (0.1, 2.0))], p=0.5)]


def _augmented() -> list[Any]:
    shifted = [v2.RandomResizedCrop(_SIDE), v2.RandomHorizontalFlip()]
    return [*shifted, *_colours(), *_perhaps_blurred()]


_STEPS: Mapping[str, Callable[[], list[Any]]] = {
    "normal.pure": _centre,
    "normal.aug": _augmented,
    "no_shift.pure": _squashed,
    "no_shift.aug": lambda: [*_squashed(), *_colours()],
    "mix.color_jitter": lambda: [*_centre(), v2.ColorJitter(0.8, 0.8, 0.8, 0.4)],
    "mix.blur": lambda: [*_centre(), v2.GaussianBlur(11, 5.0)],
    "mix.solarize": lambda: [*_centre(), v2.RandomSolarize(128, p=1.0)],
    "mix.grayscale": lambda: [*_centre(), v2.Grayscale(3)],
    "mix.combine": lambda: [*_centre(), *_colours(), *_perhaps_blurred()],
}

VIEWS = tuple(_STEPS)
"""Names of views, as the published evaluation code has them."""
