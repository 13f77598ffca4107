"""Points handed to a network that cuts out what they lie on, behind three methods."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.points import Points
from seewhy.models.protocols import PointSegmenter

Picture = UInt8[np.ndarray, "height width 3"]
Mask = Bool[np.ndarray, "height width"]


@dataclass(frozen=True)
class CutOut:
    """The mask that a network expects to be its best; no score where there was nothing to ask."""

    mask: Mask
    score: float | None


def cut_out(segmenter: PointSegmenter, image: Picture, points: Points) -> CutOut:
    """What `best_mask` gives for an image that the segmenter has not been set to yet.

    Without points nothing is asked and the mask is empty.
    """
    if len(points.labels):
        segmenter.set_image(image)
    height, width = image.shape[:2]
    return best_mask(segmenter, points, size=(height, width))


def best_mask(segmenter: PointSegmenter, points: Points, *, size: tuple[int, int]) -> CutOut:
    """All points at once, several masks, and of these the one with the highest expected quality.

    `size` is (height, width) of the image that the segmenter was set to. Without points nothing
    is asked and the mask is empty. Raises `UsageError` when the network's answer does not fit.
    """
    if not len(points.labels):
        return CutOut(np.zeros(size, dtype=bool), None)
    masks, scores, _ = segmenter.predict(
        point_coords=points.places.numpy().astype(np.float32),
        point_labels=points.labels.numpy().astype(np.int64),
        multimask_output=True,
    )
    masks, scores = np.asarray(masks), np.asarray(scores, dtype=np.float64)
    if masks.shape != (*scores.shape, *size) or not np.isfinite(scores).any():
        raise UsageError(
            f"the segmentation network gave masks of shape {list(masks.shape)} with scores "
            f"{scores.tolist()} for an image of {size[0]} x {size[1]}. Wanted is one mask of the "
            "image's size, and one finite score, for each answer."
        )
    best = int(np.nanargmax(scores))
    return CutOut(masks[best].astype(bool), float(scores[best]))
