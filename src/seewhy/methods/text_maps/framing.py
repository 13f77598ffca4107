"""How an image becomes a model's input, and where each of its pixels then is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.maps import over_image, over_input
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.results.parts import Frame

Size = int | tuple[int, int]


@dataclass(frozen=True)
class Framing:
    """What of an image the model is shown.

    "whole" squashes all of it into the input, as published; "model" is the model's own
    preprocessing, which may cut a rim off. `size` is the side of the input, or its (height,
    width): by default what the model was trained on, but any multiple of its patches will do.
    """

    shown: Literal["whole", "model"] = "whole"
    size: Size | None = None

    def preprocessing(self, encoder: OpenClipEncoder) -> Callable[[Image.Image], Tensor]:
        """The function to apply; a `Preprocessing` unless the encoder brought one of its own.

        Raises `UsageError` when an encoder's own function would have to be changed.
        """
        own = encoder.preprocessing
        if self.shown == "model" and self.size is None:
            return own
        if not isinstance(own, Preprocessing):
            raise UsageError(
                f"{encoder.name} has a preprocessing of its own ({type(own).__name__}), which "
                "cannot be changed. Ask for Framing('model'), or load the encoder with "
                "`seewhy.load_model`."
            )
        size = self.size or own.size
        if self.shown == "model":
            return replace(own, size=size, resize_to=None)
        return replace(own, size=size, resize_to=None, resize="squash")


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
