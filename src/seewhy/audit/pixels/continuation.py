"""Filling a hole in a picture by continuing the texture around it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float, UInt8
from PIL import Image
from scipy import fft, ndimage

from seewhy.audit.pixels.marks import Mask

Pixels = UInt8[np.ndarray, "height width 3"]
Spectrum = Complex[np.ndarray, "rows frequencies"]
SmallMask = Bool[np.ndarray, "small_height small_width"]

_LONGEST = 128
_SHIFTS = 10
_UNLIKE = 0.06
_FAR = 0.015
_NEARLY = 0.012


def continued(pixels: Pixels, hole: Mask, source: Mask) -> Pixels:
    """The pixels with the hole filled from `source`; all others stay as they are.

    Textures that repeat go on in phase; what does not repeat takes the blurred colours nearby.
    Without any source the pixels come back as they are.
    """
    source = source & ~hole
    if not (hole.any() and source.any()):
        return pixels.copy()
    filled, left = repeated(pixels, hole, source)
    if left.any():
        filled[left] = _blurred(pixels, source)[left]
    return filled


def repeated(pixels: Pixels, hole: Mask, source: Mask) -> tuple[Pixels, Mask]:
    """The hole filled where the picture repeats itself, and what is left of the hole.

    The picture is laid over itself at the shifts at which source agrees with source best, found
    on a copy of at most 128 pixels a side; a shift at which it does not agree is not used.
    """
    source = source & ~hole
    scale = min(1.0, _LONGEST / max(hole.shape))
    matcher, small_left = _matcher(pixels, source, scale), _shrunk(hole, scale)
    filled, left = pixels.copy(), hole.copy()
    for _ in range(_SHIFTS):
        shift = matcher.best(small_left)
        if shift is None:
            break
        small_left &= ~_moved(matcher.source, shift)
        here, there = _overlap(hole.shape, (round(shift[0] / scale), round(shift[1] / scale)))
        rows, cols = np.nonzero(left[here] & source[there])
        filled[here][rows, cols] = pixels[there][rows, cols]
        left[here][rows, cols] = False
        if not left.any():
            break
    return filled, left


@dataclass(frozen=True)
class _Matcher:
    """How well the source agrees with itself at every shift, on the small copy."""

    source: SmallMask
    spectrum: Spectrum
    difference: Float[np.ndarray, "rows cols"]

    def best(self, hole: SmallMask) -> tuple[int, int] | None:
        """Of the shifts that agree almost as well as the best, the one that fills most."""
        if not hole.any():
            return None
        shape = self.difference.shape
        reach = _correlation(fft.rfft2(hole.astype(np.float32), shape), self.spectrum, shape)
        usable = np.where(reach >= max(0.05 * hole.sum(), 0.5), self.difference, np.inf)
        if usable.min() >= _UNLIKE:
            return None
        rows, cols = shape
        row, col = divmod(int(np.where(usable <= usable.min() + _NEARLY, reach, 0).argmax()), cols)
        return row - rows * (row > rows // 2), col - cols * (col > cols // 2)


def _matcher(pixels: Pixels, source: Mask, scale: float) -> _Matcher:
    """Mean squared difference at every shift, by the convolution theorem."""
    small = _shrunk(source, scale, whole=True)
    if not small.any():
        small = _shrunk(source, scale)
    image = Image.fromarray(pixels)
    resized = image.resize((small.shape[1], small.shape[0]), Image.Resampling.BOX)
    colours = np.where(small[:, :, None], np.asarray(resized, dtype=np.float32) / 255, 0)
    rows, cols = (fft.next_fast_len(2 * length, real=True) for length in small.shape)
    shape = (rows, cols)
    mask = fft.rfft2(small.astype(np.float32), shape)
    squares = fft.rfft2((colours**2).sum(axis=2), shape)
    channels = fft.rfft2(colours, shape, axes=(0, 1))
    power = (np.abs(channels) ** 2).sum(axis=2)
    both = 2 * (np.conj(mask) * squares).real
    pairs = _correlation(mask, mask, shape)
    total = fft.irfft2(both - 2 * power, shape)
    enough = pairs >= 0.1 * small.sum()
    difference = np.where(enough, total / np.maximum(pairs, 1) + _FAR * _lengths(shape), np.inf)
    return _Matcher(small, mask, difference.astype(np.float32))


def _lengths(shape: tuple[int, ...]) -> Float[np.ndarray, "rows cols"]:
    """The length of each shift, a picture's side being 1."""
    down, across = (2 * fft.fftfreq(length) for length in shape)
    return np.asarray(np.hypot(down[:, None], across[None]))


def _correlation(
    first: Spectrum, second: Spectrum, shape: tuple[int, ...]
) -> Float[np.ndarray, "rows cols"]:
    """At each shift, over how many places the first lies on the second moved back by it."""
    return np.asarray(fft.irfft2(np.conj(first) * second, shape))


def _blurred(pixels: Pixels, source: Mask) -> Pixels:
    """At each pixel the mean of the source nearby, weighted by a Gaussian; else the mean of all."""
    scale = min(1.0, _LONGEST / 2 / max(source.shape))
    small = _shrunk(source, scale, whole=True)
    small = small if small.any() else _shrunk(source, scale)
    size = (small.shape[1], small.shape[0])
    colours = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), np.float32)
    weights = small.astype(np.float32)[:, :, None]
    blur = (max(small.shape) / 16,) * 2 + (0,)
    mean = colours[small].mean(axis=0)
    total = ndimage.gaussian_filter(weights * colours, blur) + 1e-3 * mean
    smooth = total / (ndimage.gaussian_filter(weights, blur) + 1e-3)
    picture = Image.fromarray(np.clip(np.round(smooth), 0, 255).astype(np.uint8))
    full = (source.shape[1], source.shape[0])
    return np.asarray(picture.resize(full, Image.Resampling.BILINEAR))


def _shrunk(mask: Mask, scale: float, *, whole: bool = False) -> SmallMask:
    """A smaller mask: true where any, or with `whole` all, of a pixel is."""
    if scale == 1:
        return mask.copy()
    size = tuple(max(round(length * scale), 1) for length in (mask.shape[1], mask.shape[0]))
    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(picture) >= (255 if whole else 1)


def _moved(mask: Mask, shift: tuple[int, int]) -> Mask:
    """True where the place at this shift is in the mask."""
    moved = np.zeros_like(mask)
    here, there = _overlap(mask.shape, shift)
    moved[here] = mask[there]
    return moved


def _overlap(
    shape: tuple[int, ...], shift: tuple[int, int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where places and the same places shifted both lie in the picture."""
    here = tuple(
        slice(max(-step, 0), max(min(length, length - step), 0))
        for length, step in zip(shape, shift, strict=True)
    )
    there = tuple(
        slice(max(step, 0), max(min(length, length + step), 0))
        for length, step in zip(shape, shift, strict=True)
    )
    return here, there
