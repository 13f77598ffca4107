"""Masks that a segmenter cuts out at the points of a map: what tasks with them share."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn

from seewhy.evaluation.tasks.job import Sample, Truth
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.points import DEFAULT, Pointing, map_points
from seewhy.methods.text_maps.segmenting import best_mask
from seewhy.models.checkpoints import weights_hash
from seewhy.models.protocols import PointSegmenter


def both_ways(viewer: Viewer, segmenter: PointSegmenter | None) -> tuple[str, ...]:
    """Names of masks straight from the map of each method, and of those cut out, if any."""
    ways = ("map",) if segmenter is None else ("map", "points")
    return tuple(f"{method}, {way}" for method in viewer.methods for way in ways)


def pointing_facts(
    viewer: Viewer, segmenter: PointSegmenter | None, *, pointing: Pointing
) -> dict[str, Any]:
    """What decides such masks: the viewer's facts, the segmenter, how points are chosen."""
    own = {"segmenter": segmenter_name(segmenter), "pointing": repr(pointing)}
    return viewer.facts() | own


def pointed_sample(
    viewer: Viewer, segmenter: PointSegmenter | None, *, image: Image.Image, truth: Truth
) -> Sample:
    """The whole image for the model, and its pixels for the segmenter."""
    kept = None if segmenter is None else np.array(image)
    return Sample(viewer.tiles(image), truth, image.size, kept)


def segmenter_name(segmenter: PointSegmenter | None) -> str:
    """What a segmenter calls itself, or its type, with a digest of its weights if it has any."""
    if segmenter is None:
        return "none"
    name = str(getattr(segmenter, "name", type(segmenter).__name__))
    network = getattr(segmenter, "module", getattr(segmenter, "model", None))
    return f"{name} {weights_hash(network)[:16]}" if isinstance(network, nn.Module) else name


def pointed_mask(
    segmenter: PointSegmenter | None,
    values: Float[Tensor, "rows cols"],
    size: tuple[int, int],
    *,
    pointing: Pointing = DEFAULT,
) -> tuple[Bool[np.ndarray, "_ _"], int]:
    """The best mask for the points of a patch map, and how many points there were.

    `size` is (width, height) of the image that the segmenter was set to. Without points, as of a
    constant map, the mask is empty.
    """
    width, height = size
    points = map_points(values, (height, width), pointing=pointing)
    if segmenter is None:
        return np.zeros((height, width), dtype=bool), 0
    found = best_mask(segmenter, points, size=(height, width))
    return found.mask, len(points.labels)
