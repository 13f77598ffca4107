"""A segmenter without weights: what looks like the points on a thing, and lies near them."""

from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from seewhy.base.errors import UsageError

# How far apart two opposite corners of an image are, if black and white are 1 apart.
_REACHES = (0.0, 0.5, 2.0)


@final
class ColourSegmenter:
    """Each pixel goes the way of the point nearest to it in colour and place.

    Of the three masks, place counts for nothing, a little and much; the score of a mask is its
    margin: how much nearer, at the median, pixels are to their own side's points than to the
    other's. It satisfies `PointSegmenter`, needs no training and is no match for a network; it is
    what one can do with points alone.
    """

    name: ClassVar[str] = "colours"

    def __init__(self) -> None:
        self._image: Float[np.ndarray, "height width 3"] | None = None

    def set_image(self, image: UInt8[np.ndarray, "height width 3"], /) -> None:
        """Keep the image that the next points are about."""
        self._image = image.astype(np.float32) / 255

    def predict(
        self,
        point_coords: Float[np.ndarray, "points 2"],
        point_labels: Int[np.ndarray, " points"],
        *,
        multimask_output: bool,
    ) -> tuple[
        Bool[np.ndarray, "masks height width"],
        Float[np.ndarray, " masks"],
        Float[np.ndarray, "masks height width"],
    ]:
        """Masks, their scores, and how much nearer each pixel is to points on the thing.

        Without `multimask_output` the mask of the highest score. Raises `UsageError` before an
        image is set, and unless there are points on the thing and beside it.
        """
        if self._image is None:
            raise UsageError("set an image first.")
        if not 0 < int(point_labels.sum()) < len(point_labels):
            raise UsageError("points on the thing (1) and beside it (0) are needed.")
        logits = np.stack([self._nearer(point_coords, point_labels, reach) for reach in _REACHES])
        scores = np.median(np.abs(logits), axis=(1, 2)).astype(np.float32)
        chosen: Any = slice(None) if multimask_output else [int(scores.argmax())]
        return logits[chosen] > 0, scores[chosen], logits[chosen]

    def _nearer(
        self,
        places: Float[np.ndarray, "points 2"],
        labels: Int[np.ndarray, " points"],
        reach: float,
    ) -> Float[np.ndarray, "height width"]:
        from scipy.spatial import KDTree

        seen = self._described(reach)
        cols, rows = places.astype(np.int64).T
        anchors = seen[rows, cols]
        on, beside = (KDTree(anchors[labels == label]).query(seen)[0] for label in (1, 0))
        return np.asarray(beside - on)

    def _described(self, reach: float) -> Float[np.ndarray, "height width 5"]:
        """Colour, and place times `reach`, of each pixel."""
        image = self._image
        if image is None:
            raise UsageError("set an image first.")
        height, width = image.shape[:2]
        rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
        diagonal = float(np.hypot(height, width))
        scale = reach * 3**0.5 / diagonal
        return np.concatenate([image, np.stack([rows, cols], axis=2) * scale], axis=2)
