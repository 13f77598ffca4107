"""Parts over their image: each in its colour, with a line around it and its number on it."""

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image, ImageDraw, ImageFont

from seewhy.models.preprocessing import Placement
from seewhy.results.overlay import Picture
from seewhy.results.palette import LIGHT

Labels = Int[np.ndarray, "_ _"]

_COLOURS = np.array([list(bytes.fromhex(colour[1:])) for colour in LIGHT], dtype=np.uint8)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_FILL, _FADED = 0.45, 0.55
_INK, _PAPER = (255, 255, 255), (20, 22, 26)


def part_colour(label: int) -> str:
    """The colour of a part, such as "#3566d6"; after the last the first comes again."""
    return LIGHT[label % len(LIGHT)]


def labels_over(labels: Labels, placement: Placement, *, size: tuple[int, int]) -> Labels:
    """Parts of the model's input over the image at a size of (width, height).

    Each pixel has the part under its centre, and -1 where the model was not shown it.
    """
    rows, cols = (
        _read(labels.shape[axis], placement, axis=axis, pixels=size[1 - axis]) for axis in (0, 1)
    )
    found = labels[np.ix_(rows.clip(0), cols.clip(0))]
    return np.where((rows[:, None] < 0) | (cols[None] < 0), -1, found)


def parts_over(image: Picture, labels: Labels) -> Picture:
    """The image in pale grey, and each part of it in its colour."""
    inside = labels >= 0
    colours = _COLOURS[labels % len(_COLOURS)]
    grey = np.repeat((image @ _LUMINANCE)[..., None], 3, axis=2)
    ground = _FADED * grey + (1 - _FADED) * 245
    filled = (1 - _FILL) * grey + _FILL * colours
    mixed = np.where(inside[..., None], filled, ground)
    mixed = np.where(_edges(labels)[..., None], colours, mixed)
    return _numbered(np.rint(mixed).astype(np.uint8), labels)


def _read(length: int, placement: Placement, *, axis: int, pixels: int) -> Int[np.ndarray, " _"]:
    """The row or column of the input under the centre of each pixel; -1 outside."""
    scale = placement.resized[axis] / pixels
    places = np.floor((np.arange(pixels) + 0.5) * scale - placement.corner[axis]).astype(np.int64)
    places = np.floor(places * length / placement.window[axis]).astype(np.int64)
    return np.where((places < 0) | (places >= length), -1, places)


def _edges(labels: Labels) -> Bool[np.ndarray, "_ _"]:
    """The pixels of parts that lie at most a line's width from something else."""
    width = max(round(max(labels.shape) / 200), 1)
    padded = np.pad(labels, width, constant_values=-1)
    height, length = labels.shape
    same = np.ones(labels.shape, dtype=bool)
    for down, across in ((0, width), (2 * width, width), (width, 0), (width, 2 * width)):
        same &= padded[down : down + height, across : across + length] == labels
    return np.asarray((labels >= 0) & ~same)


def _numbered(picture: Picture, labels: Labels) -> Picture:
    drawn = Image.fromarray(picture)
    brush = ImageDraw.Draw(drawn)
    side = max(round(max(labels.shape) / 22), 9)
    font = ImageFont.load_default(side)
    for label in np.unique(labels[labels >= 0]).tolist():
        place = _middle(labels == label)
        brush.circle(place, radius=side * 0.72, fill=_PAPER, outline=_INK, width=max(side // 9, 1))
        brush.text(place, str(label + 1), fill=_INK, font=font, anchor="mm")
    return np.asarray(drawn)


def _middle(inside: Bool[np.ndarray, "_ _"]) -> tuple[int, int]:
    """The pixel (x, y) of a region that lies nearest to the mean of all of them."""
    places = np.argwhere(inside)
    nearest = ((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()
    y, x = places[nearest].tolist()
    return x, y
