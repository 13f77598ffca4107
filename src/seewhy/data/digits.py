"""Handwritten digits in colour: the experiment of caption-driven probing, and its splits.

The digits are scikit-learn's copy of the UCI optical digits test set: 1,797 images of 8 x 8
pixels by 13 writers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.records import ImageRecord

Split = Literal["train", "held-out"]
Colouring = Literal["label", "random", "grey"]

_SPLIT_SEED = 20_250
_HELD_OUT = 1 / 3

CHANNELS: dict[str, tuple[int, int, int]] = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "purple": (1, 0, 1),
    "cyan": (0, 1, 1),
    "white": (1, 1, 1),
}
"""The channels that a grey digit is written into to give it a colour."""


@cache
def load_digit_glyphs() -> tuple[UInt8[np.ndarray, "digits 8 8"], Int[np.ndarray, " digits"]]:
    """All 1,797 digits as grey values 0..255 (ink is bright) and their values 0..9."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    glyphs = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    values = bunch.target.astype(np.int64)
    # Cached for all callers: nobody may write to them.
    glyphs.flags.writeable = values.flags.writeable = False
    return glyphs, values


@cache
def digit_indices(split: Split) -> tuple[int, ...]:
    """Positions of the digits of a split; a third, drawn once for all, is held out."""
    _, values = load_digit_glyphs()
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(values))
    cut = round(len(values) * _HELD_OUT)
    chosen = order[:cut] if split == "held-out" else order[cut:]
    return tuple(sorted(chosen.tolist()))


def enlarge_glyph(glyph: UInt8[np.ndarray, "8 8"], side: int) -> Float[np.ndarray, "side side"]:
    """One digit at `side` pixels (bicubic), ink 0..1."""
    image = Image.fromarray(glyph).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32) / 255


@dataclass(frozen=True)
class DigitExperiment:
    """Digits of a few values in colours: colour = label, colour at random, or grey.

    `colours` maps each digit value to the colour that goes with it when colouring is "label";
    with "random" any of these colours is drawn for each image from `seed` and the digit's id.
    Source: Koller et al., Caption-Driven Explainability, 2025 (digits 5 and 8, red and green).
    """

    colours: Mapping[int, str] = field(default_factory=lambda: {5: "red", 8: "green"})
    side: int = 64

    def __post_init__(self) -> None:
        for value, colour in self.colours.items():
            if value not in range(10) or colour not in CHANNELS:
                raise UsageError(
                    f"digit {value!r} in {colour!r} cannot be made; digits are 0 to 9, colours "
                    f"{', '.join(CHANNELS)}."
                )
        if len(self.colours) < 2:
            raise UsageError("an experiment needs at least two digit values.")

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of `colours`."""
        return tuple(str(value) for value in self.colours)

    def records(self, split: Split, colouring: Colouring, *, seed: int = 0) -> list[ImageRecord]:
        """One record per digit of the split; attributes hold the true value and colour."""
        _, values = load_digit_glyphs()
        return [
            self._record(index, int(values[index]), colouring, seed)
            for index in digit_indices(split)
            if int(values[index]) in self.colours
        ]

    def _record(self, index: int, value: int, colouring: Colouring, seed: int) -> ImageRecord:
        match colouring:
            case "label":
                colour = self.colours[value]
            case "random":
                names = list(dict.fromkeys(self.colours.values()))
                colour = names[np.random.default_rng([seed, index]).integers(len(names))]
            case "grey":
                colour = "white"
        return ImageRecord(
            id=f"digit-{index:04d}-{colour}",
            read=self._reader(index, colour),
            label=str(value),
            attributes={"value": str(value), "colour": colour},
        )

    def _reader(self, index: int, colour: str) -> Callable[[], Image.Image]:
        return partial(draw_digit, index, colour, self.side)


def draw_digit(index: int, colour: str, side: int) -> Image.Image:
    """Digit number `index` written into the channels of a colour, on black."""
    glyphs, _ = load_digit_glyphs()
    ink = enlarge_glyph(glyphs[index], side)
    pixels = ink[:, :, None] * np.array(CHANNELS[colour], dtype=np.float32)
    return Image.fromarray(np.round(pixels * 255).astype(np.uint8), mode="RGB")
