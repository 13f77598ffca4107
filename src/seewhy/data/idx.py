"""The IDX files of MNIST and its kin, plain or gzipped, to records."""

import gzip
import math
import struct
import zlib
from functools import partial
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.images import ReadPolicy, check_size, finish_image
from seewhy.data.listing import Listing
from seewhy.data.records import ImageRecord

_IMAGES, _LABELS = b"\0\0\x08\x03", b"\0\0\x08\x01"
_MOST_BYTES = 2**31
_PIECE = 2**20
_PREFIXES = {"train": "train", "test": "t10k"}


def is_idx(path: Path) -> bool:
    """Whether a file starts like IDX images of bytes."""
    try:
        if not path.is_file():
            return False
        with _stream(path) as stream:
            return stream.read(4) == _IMAGES
    except (OSError, EOFError, zlib.error):
        return False


def find_idx(folder: Path, *, split: str | None) -> Path | None:
    """The IDX images in a folder, if there are any; `split` chooses "train" or "test"."""
    found = sorted(path for path in folder.glob("*idx3*") if is_idx(path))
    plain = {path.name.removesuffix(".gz"): path for path in reversed(found)}
    if split is not None:
        prefix = _PREFIXES.get(split, split)
        plain = {name: path for name, path in plain.items() if name.startswith(prefix)}
    if found and len(plain) != 1:
        raise UsageError(
            f"{shown(folder)} holds {', '.join(path.name for path in found)}. "
            "Choose one with `split`: 'train' or 'test'."
        )
    return next(iter(plain.values()), None)


def list_idx(path: Path, *, policy: ReadPolicy) -> Listing:
    """One record per image; labels come from the file beside it, where there is one."""
    (count, height, width), content = _read_idx(path, _IMAGES, dimensions=3)
    check_size((width, height), name=shown(path), policy=policy)
    pixels = np.frombuffer(content, dtype=np.uint8).reshape(count, height, width)
    labels = _labels(path, count)
    records = tuple(
        ImageRecord(
            id=str(index),
            read=partial(_grey_image, pixels, index, policy),
            label=None if labels is None else str(labels[index]),
        )
        for index in range(count)
    )
    return Listing(records, notes=() if labels else (f"no labels beside {shown(path.name)}",))


def _grey_image(
    pixels: UInt8[np.ndarray, "images height width"], index: int, policy: ReadPolicy
) -> Image.Image:
    return finish_image(Image.fromarray(pixels[index]), name=f"image {index}", policy=policy)


def _labels(images: Path, count: int) -> bytes | None:
    stem = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    for path in (images.with_name(stem), images.with_name(stem + ".gz")):
        if path != images and path.is_file():
            (labels,), content = _read_idx(path, _LABELS, dimensions=1)
            if labels != count:
                raise UsageError(f"{shown(path)} has {labels} labels for {count} images.")
            return content
    return None


def _read_idx(path: Path, magic: bytes, *, dimensions: int) -> tuple[tuple[int, ...], bytes]:
    try:
        with _stream(path) as stream:
            header = stream.read(4 + 4 * dimensions)
            if header[:4] != magic or len(header) < 4 + 4 * dimensions:
                raise UsageError(f"{shown(path)} is no IDX file of bytes: it starts {header!r}.")
            sizes = struct.unpack(f">{dimensions}I", header[4:])
            return sizes, _exactly(stream, math.prod(sizes), path)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{shown(path)} cannot be read: {error}.") from error


def _exactly(stream: BufferedIOBase, total: int, path: Path) -> bytes:
    """All `total` bytes, which must be what is left; a lying header reserves no memory."""
    if total > _MOST_BYTES:
        raise UsageError(f"{shown(path)} announces {total:,} bytes; at most 2 GiB are read.")
    content = bytearray()
    while len(content) <= total and (piece := stream.read(_PIECE)):
        content += piece
    if len(content) != total:
        least = "more than " if len(content) > total else ""
        raise UsageError(
            f"{shown(path)} announces {total:,} bytes of values and holds "
            f"{least}{min(len(content), total):,}; fetch the file again."
        )
    return bytes(content)


def _stream(path: Path) -> BufferedIOBase:
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == b"\x1f\x8b"
    return gzip.GzipFile(path) if is_gzip else path.open("rb")
