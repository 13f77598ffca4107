"""An image that points at one of its parts: a red line around it, greyed or blurred elsewhere."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.drawing import Drawings
from seewhy.models.preprocessing import Preprocessing

Prompt = Literal["red", "red-grey", "red-blur"]
Pictures = UInt8[Tensor, "batch 3 height width"]
Prompts = UInt8[Tensor, "parts prompts 3 height width"]

PROMPTS: tuple[Prompt, ...] = get_args(Prompt)
"""The three of the published method."""

KERNEL = 11
"""Pixels along a side of the published blur."""

_RED = (255, 0, 0)


def pictures(
    pixels: Pixels, preprocessing: Preprocessing, *, protocol: Literal["mended", "published"]
) -> Pictures:
    """What a model was shown, 0 to 255; the way back from a normalised tensor.

    "mended" rounds, which gives back the very levels of an image that was not resized after
    decoding; "published" cuts off, and loses a level wherever a float lies a little below.
    """
    mean, std = _statistics(preprocessing, pixels, torch.float64)
    levels = (pixels * std + mean).clamp(0, 1) * 255
    return (levels.round() if protocol == "mended" else levels).to(torch.uint8)


def normalised(images: UInt8[Tensor, "batch 3 height width"], how: Preprocessing) -> Pixels:
    """Levels as the model takes them; nothing is resized or cropped, for it has been already."""
    if how.colour == "grey":
        images = images.amax(dim=1, keepdim=True).expand_as(images)
    floats = images.float() / 255
    mean, std = _statistics(how, floats, torch.float32)
    return (floats - mean) / std


def visual_prompts(
    shown: Pictures, drawings: Drawings, *, prompts: Sequence[Prompt] = PROMPTS
) -> Prompts:
    """Each part's picture with a red line around the part, once for each kind of prompt.

    "red-grey" shows luma (0.299, 0.587, 0.114) outside of the shape, and "red-blur" the picture
    blurred as by `blurred`; inside it is as it was. Each picture is changed once for its parts.
    """
    _check(prompts)
    filled, lines = (
        torch.from_numpy(array).to(shown.device)
        for array in (drawings.filled[:, None], drawings.outlines[:, None])
    )
    images, rows = (torch.from_numpy(x) for x in np.unique(drawings.owners, return_inverse=True))
    shown = shown[images]
    inside = shown[rows]
    red = torch.tensor(_RED, dtype=torch.uint8, device=shown.device)[:, None, None]
    changed = [torch.where(filled, inside, _around(shown, prompt)[rows]) for prompt in prompts]
    return torch.stack([torch.where(lines, red, image) for image in changed], dim=1)


def grey(shown: Pictures) -> Pictures:
    """Luma in all three channels, rounded half up, the same on every device."""
    red, green, blue = shown.to(torch.int32).unbind(dim=1)
    luma = torch.div(299 * red + 587 * green + 114 * blue + 500, 1000, rounding_mode="floor")
    return luma.to(torch.uint8)[:, None].expand_as(shown)


def blurred(shown: Pictures, *, kernel: int = KERNEL) -> Pictures:
    """Gaussian blur of an odd number of pixels a side, mirrored about the outermost pixels.

    Its deviation is 0.3 ((kernel - 1) / 2 - 1) + 0.8, 2 for the published 11, by OpenCV's rule.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise UsageError(f"a blur is an odd number of pixels wide, such as 11; got {kernel}.")
    down, across = (_blur(length, kernel).to(shown.device) for length in shown.shape[2:])
    return (down @ shown.float() @ across.T).round().clamp(0, 255).to(torch.uint8)


def embedded_parts(
    encode: Callable[[Pixels], Embeddings],
    shown: Pictures,
    drawings: Drawings,
    *,
    how: Preprocessing,
    prompts: Sequence[Prompt] = PROMPTS,
    at_once: int = 32,
) -> Float[Tensor, "parts embed"]:
    """Mean embeddings of each part's prompts, drawn and encoded for `at_once` parts at a time.

    Where there are no parts, the first picture is encoded to learn how long a row would be.
    """
    _check(prompts)
    found = [
        mean_embeddings(encode(normalised(chunk.flatten(0, 1), how)).reshape(*chunk.shape[:2], -1))
        for chunk in (
            visual_prompts(shown, drawings.some(start, start + at_once), prompts=prompts)
            for start in range(0, len(drawings.owners), at_once)
        )
    ]
    return torch.cat(found) if found else encode(normalised(shown[:1], how))[:0]


def encoded_pictures(
    encode: Callable[[Pixels], Embeddings],
    shown: Pictures,
    *,
    how: Preprocessing,
    at_once: int = 96,
) -> Embeddings:
    """Embeddings of pictures as they are, `at_once` at a time."""
    return torch.cat([encode(normalised(group, how)) for group in torch.split(shown, at_once)])


def mean_embeddings(
    embeddings: Float[Tensor, "parts prompts embed"],
) -> Float[Tensor, "parts embed"]:
    """The mean of unit vectors; shorter than 1 where a part's prompts disagree.

    As published it is not brought back to unit length, which matters to a transport only.
    """
    return functional.normalize(embeddings, dim=-1).mean(dim=1)


def _around(shown: Pictures, prompt: Prompt) -> Pictures:
    match prompt:
        case "red":
            return shown
        case "red-grey":
            return grey(shown)
        case "red-blur":
            return blurred(shown)


def _blur(length: int, kernel: int) -> Float[Tensor, "length length"]:
    """What each pixel of one axis takes of each."""
    reach = kernel // 2
    steps = torch.arange(-reach, reach + 1)
    deviation = 0.3 * (reach - 1) + 0.8
    bell = torch.exp(-(steps**2) / (2 * deviation**2))
    bell /= bell.sum()
    places = (torch.arange(length)[:, None] + steps) % max(2 * length - 2, 1)
    mirrored = torch.minimum(places, 2 * length - 2 - places)
    return torch.zeros(length, length).scatter_add_(1, mirrored, bell.expand(length, -1))


def _statistics(
    how: Preprocessing, like: Tensor, dtype: torch.dtype
) -> tuple[Float[Tensor, "3 1 1"], Float[Tensor, "3 1 1"]]:
    mean, std = (
        torch.tensor(values, dtype=dtype, device=like.device)[:, None, None]
        for values in (how.mean, how.std)
    )
    return mean, std


def _check(prompts: Sequence[Prompt]) -> None:
    unknown = [prompt for prompt in prompts if prompt not in PROMPTS]
    if unknown or not prompts:
        raise UsageError(
            f"visual prompts are at least one of {', '.join(PROMPTS)}; got "
            f"{', '.join(map(repr, prompts)) or 'none'}."
        )
