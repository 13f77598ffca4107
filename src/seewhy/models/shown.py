"""Where each pixel of an image is, once a model was shown it."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.placed_maps import over_image, over_input
from seewhy.models.preprocessing import Preprocessing
from seewhy.results.parts import Frame


@dataclass(frozen=True)
class Shown:
    """An image of (width, height) as the model was given it, at (height, width)."""

    size: tuple[int, int]
    given: tuple[int, int]
    preprocessing: Callable[[Image.Image], Tensor]

    def drawn(self, maps: Tensor, frame: Frame) -> Tensor:
        """Maps (..., rows, cols) in a frame; raises `UsageError` where the way back is unknown."""
        if frame == "grid":
            return maps
        if frame == "input":
            return over_input(maps, self.given)
        if not isinstance(self.preprocessing, Preprocessing):
            raise UsageError(
                "the encoder has a preprocessing of its own, so where its input lies in the image "
                "is unknown. Ask for frame='input', or load the encoder with `seewhy.load_model`."
            )
        return over_image(maps, self.preprocessing.placement(self.size))
