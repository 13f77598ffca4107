"""How an image becomes a model's input."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing

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

    def preprocessing(
        self, encoder: OpenClipEncoder | ImageEncoder
    ) -> Callable[[Image.Image], Tensor]:
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
