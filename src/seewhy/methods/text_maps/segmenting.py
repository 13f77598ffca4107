"""Points handed to a network that cuts out what they lie on, behind three methods."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.points import Points

Picture = UInt8[np.ndarray, "height width 3"]
Mask = Bool[np.ndarray, "height width"]


@runtime_checkable
class Segmenter(Protocol):
    """A promptable segmentation network; the predictor of `segment_anything` is one as it is."""

    def set_image(self, image: Picture, /) -> None:
        """Take an RGB image; what follows is about it."""
        ...

    def predict(
        self,
        point_coords: Float[np.ndarray, "points 2"],
        point_labels: Int[np.ndarray, " points"],
        *,
        multimask_output: bool,
    ) -> tuple[
        Shaped[np.ndarray, "masks height width"],
        Float[np.ndarray, " masks"],
        Float[np.ndarray, "masks _ _"],
    ]:
        """Masks, the quality that the network expects of each, and their logits.

        Points are (x, y) in pixels of the image; label 1 is on the thing, 0 beside it.
        """
        ...


@dataclass(frozen=True)
class CutOut:
    """The mask that a network expects to be its best; no score where there was nothing to ask."""

    mask: Mask
    score: float | None


def cut_out(segmenter: Segmenter, image: Picture, points: Points) -> CutOut:
    """All points at once, several masks, and of these the one with the highest expected quality.

    Without points nothing is asked and the mask is empty. Raises `UsageError` when the network's
    answer does not fit the image.
    """
    if not len(points.labels):
        return CutOut(np.zeros(image.shape[:2], dtype=bool), None)
    segmenter.set_image(image)
    masks, scores, _ = segmenter.predict(
        point_coords=points.places.numpy().astype(np.float32),
        point_labels=points.labels.numpy().astype(np.int64),
        multimask_output=True,
    )
    masks, scores = np.asarray(masks), np.asarray(scores, dtype=np.float64)
    if masks.shape != (*scores.shape, *image.shape[:2]) or not np.isfinite(scores).any():
        raise UsageError(
            f"the segmentation network gave masks of shape {list(masks.shape)} with scores "
            f"{scores.tolist()} for an image of {image.shape[0]} x {image.shape[1]}. Wanted is one "
            "mask of the image's size, and one finite score, for each answer."
        )
    best = int(np.nanargmax(scores))
    return CutOut(masks[best].astype(bool), float(scores[best]))
