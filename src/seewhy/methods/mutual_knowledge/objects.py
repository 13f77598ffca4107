"""Objects as parts: what stands out from most of an image, region by region, and shown alone."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from torch import Tensor

from seewhy.methods.mutual_knowledge.foreground import Fallback, Foreground, spare_patches
from seewhy.methods.mutual_knowledge.parts import BACKGROUND
from seewhy.methods.mutual_knowledge.visual_prompts import Pictures

Labels = Int[np.ndarray, "batch height width"]

_TOUCHING = np.ones((3, 3), dtype=bool)


def outstanding(
    tokens: Float[Tensor, "batch rows cols dim"],
    *,
    fallback: Fallback = "strongest",
    share: float = 0.2,
) -> Foreground:
    """Patches whose tokens lie far from the image's median token, by Otsu's threshold.

    All of them count, however many regions they make: the published rule keeps two at most. An
    image whose tokens are all alike has none; then `fallback` decides, as in `foreground`.
    """
    middle = tokens.flatten(1, 2).median(dim=1).values[:, None, None]
    distances = (tokens - middle).norm(dim=-1)
    masks = [_beyond_otsu(each) for each in distances.cpu()]
    mask = torch.stack(masks).to(tokens.device) if masks else distances > 0
    is_fallback = ~mask.flatten(1).any(dim=1)
    spare = spare_patches(distances, fallback, share)
    return Foreground(torch.where(is_fallback[:, None, None], spare, mask), is_fallback)


def region_labels(
    masks: Bool[np.ndarray, "batch height width"], *, smallest: int, most: int
) -> Labels:
    """The connected regions of each mask from 0 on, the largest first; -1 elsewhere.

    Pixels that touch at a corner are connected. Regions of fewer than `smallest` pixels, and
    those beyond the `most` largest, are background.
    """
    found = np.full(masks.shape, BACKGROUND, dtype=np.int64)
    for labels, mask in zip(found, masks, strict=True):
        regions, _ = ndimage.label(mask, structure=_TOUCHING)
        sizes = np.bincount(regions.ravel())[1:]
        order = np.argsort(-sizes, kind="stable")[:most]
        for number, region in enumerate(order[sizes[order] >= smallest]):
            labels[regions == region + 1] = number
    return found


def alone(
    shown: Pictures, labels: Labels, parts: Int[np.ndarray, "parts 2"], *, margin: int
) -> UInt8[Tensor, "parts 3 height width"]:
    """Each part, given as (image, label), by itself on the colour of its image's background.

    A rim of `margin` pixels goes with the part. Around it all pixels have the median colour of
    what belongs to no part (of all pixels, if every one belongs to some).
    """
    if not len(parts):
        return shown[:0]
    blank = blanks(shown, labels)
    disc = _disc(margin)
    masks = [
        ndimage.binary_dilation(labels[image] == label, structure=disc) for image, label in parts
    ]
    owners = torch.from_numpy(parts[:, 0])
    return torch.where(torch.from_numpy(np.stack(masks))[:, None], shown[owners], blank[owners])


def blanks(shown: Pictures, labels: Labels) -> Pictures:
    """Each image's background colour alone: what is left of it without its parts."""
    colours = [
        _median_colour(picture.permute(1, 2, 0).numpy(), own == BACKGROUND)
        for picture, own in zip(shown, labels, strict=True)
    ]
    return torch.from_numpy(np.array(colours)).reshape(-1, 3, 1, 1).expand_as(shown).contiguous()


def _median_colour(
    picture: UInt8[np.ndarray, "height width 3"], outside: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, " 3"]:
    pixels = picture[outside] if outside.any() else picture.reshape(-1, 3)
    colour: UInt8[np.ndarray, " 3"] = np.median(pixels, axis=0).astype(np.uint8)
    return colour


def _beyond_otsu(distances: Float[Tensor, "rows cols"]) -> Bool[Tensor, "rows cols"]:
    """The upper of the two groups whose means lie farthest apart for their sizes.

    Otsu's criterion over the values themselves: there are too few of them for a histogram.
    """
    values = distances.double().flatten().sort().values
    count = len(values)
    below = torch.arange(1, count, dtype=torch.double)
    sums = values.cumsum(0)
    apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / (count - below)
    between = below * (count - below) * apart.square()
    if not len(between) or not values[-1] > values[0]:
        return torch.zeros_like(distances, dtype=torch.bool)
    return distances.double() > values[between.argmax()]


def _disc(radius: int) -> Bool[np.ndarray, "side side"]:
    steps = np.arange(-radius, radius + 1)
    return np.add.outer(steps**2, steps**2) <= radius**2
