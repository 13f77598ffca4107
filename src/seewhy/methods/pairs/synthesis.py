"""What explanations that draw images share: a start, images, facts and pictures."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from seewhy.base.axes import OnePixels, Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.models.image_encoders import ImageEncoder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def only_image(encoder: ImageEncoder, image: object) -> Pixels:
    """One PIL image as a batch of one; raises `UsageError` for anything else."""
    if not isinstance(image, Image.Image):
        raise UsageError(
            f"an image is {type(image).__name__}; wanted a PIL image, such as "
            "`seewhy.data.images.read_image` gives."
        )
    return encoder.preprocess(image)[None]


def check_pixels(pixels: Pixels) -> None:
    """Raise `DataError` for images with NaN or infinity, counted from 0."""
    bad = ~pixels.isfinite().flatten(1).all(dim=1)
    if bad.any():
        raise DataError(
            "non_finite",
            f"image {int(bad.nonzero()[0])} has NaN or infinite pixels. Leave it out, or mend its "
            "preprocessing.",
        )


def start_like(pixels: Pixels, drawn: Tensor) -> Pixels:
    """The same start for each image of a batch, so that a batch changes nothing."""
    return drawn.to(pixels).expand_as(pixels).clone()


def seeded(seed: int) -> torch.Generator:
    """A generator of the CPU, so that devices start alike."""
    return torch.Generator().manual_seed(seed)


def as_picture(image: OnePixels) -> UInt8[np.ndarray, "height width 3"]:
    """An image from 0 to 1 in whole numbers; what lies outside is cut off."""
    levels = (image.clamp(0, 1) * 255).round().byte()
    return levels.permute(1, 2, 0).cpu().numpy()


def facts(
    method: "DataclassInstance", encoder: ImageEncoder, notes: tuple[str, ...]
) -> dict[str, str]:
    """What a reader has to know to make an explanation again."""
    settings: dict[str, Any] = asdict(method)
    return {
        "method": str(getattr(method, "name", type(method).__name__)),
        "model": encoder.name,
        **{name: str(value) for name, value in settings.items()},
        "notes": " ".join((*encoder.notes, *notes)),
        **library_versions(),
    }
