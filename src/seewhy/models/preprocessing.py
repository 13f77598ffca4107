"""From a decoded image to the tensor that a model was trained on."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image, ImageChops
from pydantic import TypeAdapter, ValidationError

from seewhy.base.axes import OnePixels
from seewhy.base.errors import UsageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Resize = Literal["shortest", "squash", "longest"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Colour = Literal["rgb", "grey"]
_CHOICES: dict[str, tuple[str, ...]] = {
    "resize": get_args(Resize),
    "interpolation": get_args(Interpolation),
    "colour": get_args(Colour),
}


@dataclass(frozen=True)
class Placement:
    """Where an image lies in a model's input; all pairs are of rows and columns, in pixels.

    The image was brought to `resized`, and the input is a `window` on that which begins at
    `corner`: a negative corner means a margin, a window that ends earlier that a rim is cut off.
    """

    image: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int]
    window: tuple[int, int]


@dataclass(frozen=True)
class Preprocessing:
    """Resize, centre crop, scale to 0..1, subtract the mean, divide by the deviation.

    `size` is the side, or (height, width), of the result. The image is first brought to
    `resize_to` (`size` if None): "shortest" fits its shorter side and "longest" its longer side,
    both keeping proportions, "squash" fits both. What is too large is then cropped around the
    centre, what is too small gets black margins. Colour "grey" puts the largest of red, green
    and blue into all three channels, so that a pure colour is as bright as white.
    """

    size: int | tuple[int, int]
    resize: Resize = "shortest"
    resize_to: int | tuple[int, int] | None = None
    interpolation: Interpolation = "bicubic"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    colour: Colour = "rgb"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise UsageError(
                    f"preprocessing: {name} is {getattr(self, name)!r}, not one of "
                    f"{', '.join(choices)}."
                )
        if min(*_pair(self.size), *_pair(self.resize_to or self.size)) < 1:
            raise UsageError(f"preprocessing: size {self.size} leaves no pixels.")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise UsageError("preprocessing: mean and std are three numbers each, std above zero.")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Preprocessing":
        """From a JSON object with the fields of this class; `size` is required."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(config.keys() - set(known))
        if unknown:
            raise UsageError(
                f"preprocessing has {', '.join(unknown)}; its fields are {', '.join(known)}."
            )
        try:
            return TypeAdapter(cls).validate_python(dict(config))
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise UsageError(f"preprocessing is wrong in {'; '.join(faults)}.") from error

    def config(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)

    def __call__(self, image: Image.Image) -> OnePixels:
        """One image to one normalised tensor."""
        image = image.convert("RGB")
        if self.colour == "grey":
            image = _brightest_channel(image)
        width, height = self._resized(image.size)
        image = image.resize((width, height), Image.Resampling[self.interpolation.upper()])
        image = _centred(image, _pair(self.size))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return ((pixels - mean) / std).contiguous()

    def placement(self, size: tuple[int, int]) -> Placement:
        """Where an image of (width, height) lies in the result."""
        (width, height), (wide, high) = size, self._resized(size)
        rows, cols = _pair(self.size)
        return Placement(
            image=(height, width),
            resized=(high, wide),
            corner=(_start(high, rows), _start(wide, cols)),
            window=(rows, cols),
        )

    def _resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height before the crop; rounds as torchvision (square) and timm do."""
        width, height = size
        rows, cols = _pair(self.resize_to or self.size)
        if self.resize == "squash":
            return cols, rows
        if self.resize == "shortest" and rows == cols:
            short = min(width, height)
            wide, high = (rows if side == short else int(rows * side / short) for side in size)
            return wide, high
        ratios = (height / rows, width / cols)
        ratio = max(ratios) if self.resize == "longest" else min(ratios)
        return max(1, round(width / ratio)), max(1, round(height / ratio))


def per_channel(values: Iterable[float]) -> tuple[float, float, float]:
    """Three numbers: for red, green and blue."""
    red, green, blue = map(float, values)
    return red, green, blue


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _brightest_channel(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return Image.merge("RGB", (brightest, brightest, brightest))


def _centred(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    left, top = (_start(image.width, width), _start(image.height, height))
    return image.crop((left, top, left + width, top + height))


def _start(length: int, wanted: int) -> int:
    """Where the crop begins; negative where a margin is added."""
    return round((length - wanted) / 2) if length >= wanted else -((wanted - length) // 2)
