"""Pictures without their fine structure."""

from typing import TypeVar

from jaxtyping import Float
from torch import Tensor

Images = TypeVar("Images", bound=Float[Tensor, "*batch channels height width"])


def blurred(pixels: Images, *, size: int = 11, deviation: float = 5.0) -> Images:
    """Gaussian blur in a window of odd side, the picture mirrored beyond its border.

    In pictures too small to be mirrored so far the window shrinks to what fits.
    """
    from torchvision.transforms.v2.functional import gaussian_blur

    height, width = pixels.shape[-2:]
    window = [min(size, 2 * side - 1) for side in (width, height)]
    found: Images = gaussian_blur(pixels, window, [deviation, deviation])
    return found
