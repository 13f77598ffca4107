"""One file, or its bytes, to one RGB image; whatever is wrong becomes a `DataError`."""

import threading
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import read_file, shown
from seewhy.data.modes import Colour, Converted, to_rgb

NOTES_KEY = "seewhy_notes"

# FITS, EPS and their kin run decompressors or programs: only what cameras and the web make.
# Pillow takes MPO, the JPEG of several frames, as a JPEG.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


@dataclass(frozen=True)
class ReadPolicy:
    """What is read and what is refused.

    Limits are checked on the header, before any pixel is decoded. `max_aspect_ratio` is the
    longer side divided by the shorter: resizing the shorter side of a thin strip to a model's
    input would need gigabytes. With `tolerate_truncated` the pixels that a cut file lacks stay
    grey or black, and the image carries the note `truncated`. `timeout` is in seconds.
    Pillow's own `Image.MAX_IMAGE_PIXELS` holds beside `max_pixels`: it refuses twice its value.
    """

    max_pixels: int = 89_478_485
    max_aspect_ratio: float = 20.0
    max_bytes: int = 2**29
    tolerate_truncated: bool = False
    background: Colour = (255, 255, 255)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        limits = (self.max_pixels, self.max_aspect_ratio, self.max_bytes)
        if min(limits) < 1 or self.timeout <= 0:
            raise UsageError(f"limits of at least 1 and a positive timeout are needed: {self}.")
        if not all(0 <= value <= 255 for value in self.background):
            raise UsageError(f"a background is three values 0..255, not {self.background}.")


DEFAULT_POLICY = ReadPolicy()


class StrictPillow:
    """Pillow without warnings and without tolerance of cut files, whatever its globals say.

    The first reader to enter, in any thread, sets this; the last to leave restores what was
    found. Who reads in several threads holds it around all of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._readers == 0:
                self._tighten()
            self._readers += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._undo.close()

    def _tighten(self) -> None:
        found = ImageFile.LOAD_TRUNCATED_IMAGES
        self._undo.callback(setattr, ImageFile, "LOAD_TRUNCATED_IMAGES", found)
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        self._undo.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module="PIL")


strict_pillow = StrictPillow()


def read_image(source: Path | bytes, *, policy: ReadPolicy = DEFAULT_POLICY) -> Image.Image:
    """The image in mode RGB: upright by EXIF, first frame, metadata dropped.

    The content decides the format, never the name. Decisions on the way are slugs in
    `image.info["seewhy_notes"]`; docs/failures.md lists them and the codes of `DataError`.
    """
    if isinstance(source, bytes):
        name, data = f"image of {len(source):,} bytes", source
    else:
        name = shown(source)
        data = read_file(source, max_bytes=policy.max_bytes, timeout=policy.timeout)
    with strict_pillow:
        image = _opened(data, name)
        found = image.size
        check_size(_shrunk(image, policy), name=name, policy=policy)
        reduced = ("reduced",) if image.size != found else ()
        try:
            cut = _loaded(image, tolerant=policy.tolerate_truncated)
            upright, decisions = _finished(image, policy)
            return _noted(upright, (*reduced, *cut, *decisions, *_frame_note(image)))
        except Exception as error:  # Hostile bytes can make a decoder fail in any way.
            raise _decoding_fault(error, name) from error


def read_stored(source: Path, *, policy: ReadPolicy = DEFAULT_POLICY) -> Image.Image:
    """The image as stored, for files whose numbers are labels: no turn, no change of mode."""
    name = shown(source)
    data = read_file(source, max_bytes=policy.max_bytes, timeout=policy.timeout)
    with strict_pillow:
        image = _opened(data, name)
        check_size(image.size, name=name, policy=policy)
        try:
            image.load()
        except Exception as error:  # See read_image.
            raise _decoding_fault(error, name) from error
    return image


def finish_image(
    image: Image.Image, *, name: str, policy: ReadPolicy = DEFAULT_POLICY
) -> Image.Image:
    """The same for an image that someone else has opened; it keeps its mode and frame."""
    check_size(image.size, name=name, policy=policy)
    with strict_pillow:
        try:
            image.load()
            return _noted(*_finished(image, policy))
        except Exception as error:  # See read_image.
            raise _decoding_fault(error, name) from error


def check_size(size: tuple[int, int], *, name: str, policy: ReadPolicy) -> None:
    """Raise `too_large` or `aspect_ratio` when an image of (width, height) is out of limits."""
    shorter, longer = sorted(size)
    if shorter < 1:
        raise DataError("corrupt", f"{name} is {size[0]} x {size[1]} pixels.")
    if shorter * longer > policy.max_pixels:
        raise DataError(
            "too_large",
            f"{name} is {size[0]} x {size[1]} pixels; at most {policy.max_pixels:,} are read. "
            "Make it smaller or raise `max_pixels`.",
        )
    if longer > policy.max_aspect_ratio * shorter:
        raise DataError(
            "aspect_ratio",
            f"{name} is {size[0]} x {size[1]} pixels, a strip; sides of at most "
            f"{policy.max_aspect_ratio:g} : 1 are read. Crop it or raise `max_aspect_ratio`.",
        )


def _opened(data: bytes, name: str) -> ImageFile.ImageFile:
    if not data:
        raise DataError("unidentified", f"{name} is empty.")
    try:
        return Image.open(BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError("too_large", f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(
            "unidentified", f"{name} is no image of a known format ({', '.join(_FORMATS)})."
        ) from error
    except Exception as error:  # See read_image.
        if data.startswith(_PNG_SIGNATURE) and (plain := _without_texts(data)) != data:
            return _opened(plain, name)
        if data[8:12] == b"WEBP" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
            raise DataError("truncated", f"{name} ends before its last pixel.") from error
        raise _decoding_fault(error, name) from error


def _without_texts(png: bytes) -> bytes:
    """A PNG without text and colour profile, which can be too large to unpack."""
    kept, start = [png[:8]], 8
    while start < len(png):
        end = start + 12 + int.from_bytes(png[start : start + 4], "big")
        if png[start + 4 : start + 8] not in _PNG_TEXTS:
            kept.append(png[start:end])
        start = end
    return b"".join(kept)


def _shrunk(image: ImageFile.ImageFile, policy: ReadPolicy) -> tuple[int, int]:
    """The size as it will be decoded: a large baseline JPEG is decoded at 1/2, 1/4 or 1/8."""
    width, height = image.size
    if image.format not in ("JPEG", "MPO") or "progressive" in image.info:
        return image.size
    fitting = (scale for scale in (1, 2, 4) if width * height <= policy.max_pixels * scale**2)
    scale = next(fitting, 8)
    if scale > 1:
        image.draft(None, (width // scale, height // scale))
    return image.size


def _loaded(image: ImageFile.ImageFile, *, tolerant: bool) -> tuple[str, ...]:
    try:
        image.load()
    except OSError as error:
        if not (tolerant and _is_cut(error)):
            raise
        # The rows decoded so far are there; without tiles left, Pillow takes them as all.
        image.tile = []
        image.load()
        return ("truncated",)
    return ()


def _finished(image: Image.Image, policy: ReadPolicy) -> Converted:
    rgb, notes = to_rgb(image, policy.background)
    turn = _UPRIGHT.get(_orientation(image))
    upright = rgb if turn is None else rgb.transpose(turn)
    return upright, (*notes, "degenerate") if min(upright.size) == 1 else notes


def _noted(image: Image.Image, notes: tuple[str, ...]) -> Image.Image:
    image.info = {NOTES_KEY: notes} if notes else {}
    return image


def _frame_note(image: ImageFile.ImageFile) -> tuple[str, ...]:
    try:
        image.seek(1)
    except EOFError:
        return ()
    except Exception:  # A broken second frame is one more frame all the same.
        return ("first_frame",)
    return ("first_frame",)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Metadata may be anything; the pixels are still good.
        return 1


def _is_cut(error: Exception) -> bool:
    return "truncated" in str(error).lower()


def _decoding_fault(error: Exception, name: str) -> DataError:
    if isinstance(error, DataError):
        return DataError(error.code, f"{name}: {error}")
    if _is_cut(error):
        return DataError("truncated", f"{name} ends before its last pixel: {error}.")
    return DataError("corrupt", f"{name} cannot be decoded: {type(error).__name__}: {error}.")
