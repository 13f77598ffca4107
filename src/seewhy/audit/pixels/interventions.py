"""Changes of the pixels that remove one attribute and keep the others, as far as pixels can."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Intervention:
    """A named change of an image; chance depends on the seed and the sample's id alone.

    `facts` is a digest of anything else that decides what it does.
    """

    name: str
    sentence: str
    change: Change
    facts: str = ""

    def apply(self, image: Image.Image, *, seed: int, sample: str) -> Image.Image:
        """The changed image, of the same size and mode."""
        digest = hashlib.sha256(f"{seed}\0{sample}\0{self.name}".encode("utf-8", "replace"))
        generator = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big"))
        return self.change(image, generator)


def swap_red_green(image: Image.Image, _generator: np.random.Generator) -> Image.Image:
    """The red and green channels change places."""
    red, green, blue = image.split()
    return Image.merge("RGB", (green, red, blue))


def turn_hue(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Every hue turned by the same angle, between 60 and 300 degrees; value and chroma stay."""
    hue, saturation, value = image.convert("HSV").split()
    shift = int(generator.integers(43, 214))
    turned = Image.fromarray(np.asarray(hue) + np.uint8(shift))
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def remove_colour(image: Image.Image, _generator: np.random.Generator) -> Image.Image:
    """Each pixel's largest channel, three times: colour goes, drawing and brightness stay."""
    value = np.asarray(image).max(axis=2)
    return Image.fromarray(np.repeat(value[:, :, None], 3, axis=2))


def blur(image: Image.Image, _generator: np.random.Generator) -> Image.Image:
    """Gaussian blur with a standard deviation of a tenth of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(max(min(image.size) / 10, 0.5)))


def shuffle_patches(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """A grid of four by four patches in random order; pixels left over at the edges stay."""
    pixels = np.asarray(image).copy()
    height, width = pixels.shape[0] // 4, pixels.shape[1] // 4
    if height == 0 or width == 0:
        return image
    whole = pixels[: 4 * height, : 4 * width]
    patches = whole.reshape(4, height, 4, width, 3).transpose(0, 2, 1, 3, 4)
    shuffled = patches.reshape(16, height, width, 3)[generator.permutation(16)]
    grid = shuffled.reshape(4, 4, height, width, 3).transpose(0, 2, 1, 3, 4)
    pixels[: 4 * height, : 4 * width] = grid.reshape(4 * height, 4 * width, 3)
    return Image.fromarray(pixels)


INTERVENTIONS = (
    Intervention("channel swap", "red and green change places", swap_red_green),
    Intervention("hue turn", "all hues are turned", turn_hue),
    Intervention("grey", "all colour is removed", remove_colour),
    Intervention("blur", "fine structure is blurred away", blur),
    Intervention("patch shuffle", "the picture is cut and shuffled", shuffle_patches),
)
