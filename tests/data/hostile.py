"""A folder with every kind of image file that has broken a tool, under 2 MB, made on the spot."""

import os
import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass
class HostileFolder:
    """What was put into `root`: the fate of each record, listing failure and skipped file."""

    root: Path
    fine: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    unlisted: dict[str, str] = field(default_factory=dict)
    hidden: int = 0
    sidecars: int = 0

    def add_fine(self, name: str, content: bytes, *notes: str) -> None:
        """A file that must be read, with these notes."""
        (self.root / name).write_bytes(content)
        self.fine[name] = notes

    def add_unusable(self, name: str, content: bytes, code: str) -> None:
        """A file that must become a row with this code."""
        (self.root / name).write_bytes(content)
        self.unusable[name] = code


def build_hostile_folder(place: Path) -> HostileFolder:
    """Build the folder `place`/hostile, and a file beside it that a link leads to."""
    root = place / "hostile"
    root.mkdir(parents=True)
    folder = HostileFolder(root)
    for add in (_wrong_contents, _wrong_sizes, _modes, _metadata, _frames, _names, _kinds):
        add(folder)
    return folder


def photograph(side: int = 32) -> Image.Image:
    """A small colour image without symmetry."""
    rows, cols = np.mgrid[0:side, 0:side]
    pixels = np.stack([rows * 255 // side, cols * 255 // side, (rows * cols) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk with its length and checksum."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that announces a size and brings one byte."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(png_chunk(kind, content) for kind, content in chunks)


def with_png_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk, right after its header."""
    return png[:33] + png_chunk(kind, content) + png[33:]


def exif(orientation: int) -> bytes:
    """An EXIF block of one entry."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def _wrong_contents(folder: HostileFolder) -> None:
    jpeg = encoded(photograph(), "JPEG", quality=95)
    folder.add_fine("photo.jpg", jpeg)
    folder.add_fine("copy of photo.jpeg", jpeg)
    folder.add_fine("PHOTO.JPG", encoded(photograph(), "PNG"))
    folder.add_fine("no-extension", encoded(photograph(), "WEBP"))
    folder.add_unusable("zero.jpg", b"", "unidentified")
    folder.add_unusable("text.png", b"not an image", "unidentified")
    folder.add_unusable("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unidentified")
    folder.add_unusable("page.png", b"<html><script>alert(1)</script></html>", "unidentified")
    folder.add_unusable("program.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF", "unidentified")
    folder.add_unusable("cut.jpg", jpeg[: len(jpeg) // 2], "truncated")
    webp = encoded(photograph(), "WEBP")
    folder.add_unusable("cut.webp", webp[: len(webp) // 2], "truncated")


def _wrong_sizes(folder: HostileFolder) -> None:
    folder.add_unusable("bomb.png", png_header_only(20_000, 20_000), "too_large")
    folder.add_unusable("large.png", png_header_only(10_000, 10_000), "too_large")
    folder.add_unusable("strip.png", png_header_only(1, 60_000), "aspect_ratio")
    folder.add_unusable("thin.png", encoded(Image.new("L", (1, 5_000)), "PNG"), "aspect_ratio")
    folder.add_fine("dot.png", encoded(Image.new("RGB", (1, 1)), "PNG"), "degenerate")


def _modes(folder: HostileFolder) -> None:
    ramp = np.linspace(0, 1, 16 * 16, dtype=np.float32).reshape(16, 16)
    grey16 = Image.fromarray((ramp * 65_535).astype(np.uint16))
    folder.add_fine("grey16.png", encoded(grey16, "PNG"))
    folder.add_fine("float.tif", encoded(Image.fromarray(ramp), "TIFF"))
    folder.add_fine("depth.tif", encoded(Image.fromarray(ramp * 9), "TIFF"), "stretched")
    folder.add_unusable("nan.tif", encoded(Image.fromarray(ramp * np.nan), "TIFF"), "non_finite")
    folder.add_fine("ink.jpg", encoded(photograph().convert("CMYK"), "JPEG"), "cmyk")
    half_clear = photograph().convert("RGBA")
    half_clear.putalpha(128)
    folder.add_fine("clear.png", encoded(half_clear, "PNG"), "transparency")
    folder.add_fine("grey-clear.png", encoded(half_clear.convert("LA"), "PNG"), "transparency")
    palette = encoded(photograph().convert("P"), "PNG", transparency=0)
    folder.add_fine("palette.png", palette, "transparency")


def _metadata(folder: HostileFolder) -> None:
    for orientation in range(1, 9):
        turned = encoded(photograph(), "JPEG", exif=exif(orientation))
        folder.add_fine(f"turned-{orientation}.jpg", turned)
    garbage = b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 64
    folder.add_fine("garbage-exif.jpg", encoded(photograph(), "JPEG", exif=garbage))
    png = encoded(photograph(), "PNG")
    swollen = b"key\0\0" + zlib.compress(bytes(80_000_000), 9)
    folder.add_fine("swollen-text.png", with_png_chunk(png, b"zTXt", swollen))
    folder.add_fine("swollen-profile.png", with_png_chunk(png, b"iCCP", swollen))


def _frames(folder: HostileFolder) -> None:
    frames = [photograph(), photograph().rotate(90)]
    for name, kind in (("a.gif", "GIF"), ("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.mpo", "MPO")):
        several = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        folder.add_fine(name, several, "first_frame")


def _names(folder: HostileFolder) -> None:
    png = encoded(photograph(8), "PNG")
    names = (
        "two\nlines.png", "quote\"'`.png", "\U0001f40d.png", "evil\u202egnp.png", "-rf.png",
        "up..%2f..%2fup.png", "up\\..\\up.png", "$(touch canary).png", "=cmd().png", "{{7*7}}.png",
        "<img src=x onerror=alert(1)>.png", "n" * 251 + ".png",
    )  # fmt: skip
    for name in names:
        folder.add_fine(name, png)
    (folder.root / os.fsdecode(b"bytes-\xff\xfe.png")).write_bytes(png)
    folder.fine[r"bytes-\xff\xfe.png"] = ()
    hidden = (".DS_Store", "._photo.jpg", ".hidden.png")
    sidecars = ("labels.csv", "notes.TXT", "meta.json")
    for name in (*hidden, *sidecars):
        (folder.root / name).write_bytes(png)
    folder.hidden, folder.sidecars = len(hidden), len(sidecars)


def _kinds(folder: HostileFolder) -> None:
    outside = folder.root.parent / "outside.png"
    outside.write_bytes(encoded(photograph(8), "PNG"))
    links = {
        "loop-a.png": ("loop-b.png", "link"),
        "loop-b.png": ("loop-a.png", "link"),
        "self": (".", "link"),
        "broken.png": ("nowhere.png", "missing"),
        "leaving.png": (str(outside), "outside"),
        "leaving-folder": (str(folder.root.parent), "outside"),
        "device.png": ("/dev/zero", "outside"),
    }
    for name, (target, code) in links.items():
        (folder.root / name).symlink_to(target)
        folder.unlisted[name] = code
    (folder.root / "linked.jpg").symlink_to("photo.jpg")
    folder.fine["linked.jpg"] = ()
    os.mkfifo(folder.root / "pipe.png")
    folder.unlisted["pipe.png"] = "not_a_file"
