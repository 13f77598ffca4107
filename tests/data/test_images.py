import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageFile, ImageOps
from sklearn.datasets import load_sample_images
from tests.data.hostile import (
    encoded,
    exif,
    photograph,
    png_chunk,
    png_header_only,
)
from tests.data.pictures import code_of, notes, pixels

from seewhy.base.errors import DataError, UsageError
from seewhy.data import images
from seewhy.data.images import (
    NOTES_KEY,
    ReadPolicy,
    StrictPillow,
    check_size,
    finish_image,
    read_image,
    read_stored,
    strict_pillow,
)

PHOTOGRAPHS = sorted(Path(skimage.data_dir).glob("*.[pj][np]g"))


@pytest.mark.parametrize("path", PHOTOGRAPHS, ids=lambda path: path.name)
def test_photographs_come_as_other_readers_see_them(path):
    image = read_image(path)
    expected = skimage.io.imread(path)
    if expected.ndim == 2:
        expected = np.stack([expected] * 3, axis=-1)
    elif expected.shape[2] == 4:
        alpha = expected[:, :, 3:] / 255
        expected = np.rint(expected[:, :, :3] * alpha + 255 * (1 - alpha))
    assert image.mode == "RGB"
    assert_allclose(pixels(image), expected.astype(int), atol=1)


def test_sample_photographs_equal_the_arrays_that_come_with_them():
    bunch = load_sample_images()
    for name, expected in zip(bunch.filenames, bunch.images, strict=True):
        assert_array_equal(pixels(read_image(Path(name))), expected)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(kind):
    assert_array_equal(pixels(read_image(encoded(photograph(), kind))), pixels(photograph()))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_stay_close(kind):
    image = read_image(encoded(photograph(), kind))
    assert np.abs(pixels(image) - pixels(photograph())).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_exactly_once(kind, orientation):
    tall = photograph().crop((0, 0, 16, 32))
    options = {"lossless": True} if kind == "WEBP" else {}
    stored = encoded(tall, kind, exif=exif(orientation), **options)
    image = read_image(stored)
    with Image.open(io.BytesIO(encoded(tall, "PNG", exif=exif(orientation)))) as plain:
        expected = pixels(ImageOps.exif_transpose(plain))
    assert image.size == ((16, 32) if orientation < 5 else (32, 16))
    assert np.abs(pixels(image) - expected).mean() < 6
    assert_array_equal(pixels(finish_image(image, name="again")), pixels(image))


@pytest.mark.parametrize("value", [0, 9, 255, 65_535])
def test_an_orientation_that_does_not_exist_is_ignored(value):
    data = encoded(photograph(), "PNG", exif=exif(value))
    assert_array_equal(pixels(read_image(data)), pixels(photograph()))


def test_an_orientation_in_words_is_ignored():
    entry = struct.pack("<HHI4s", 0x0112, 2, 4, b"up!\0")
    tags = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    data = encoded(photograph(), "PNG", exif=b"Exif\0\0" + tags)
    assert_array_equal(pixels(read_image(data)), pixels(photograph()))


@given(st.binary(max_size=80))
def test_no_exif_block_breaks_reading_or_warns(block):
    data = encoded(photograph(8), "PNG", exif=b"Exif\0\0II*\0\x08\0\0\0" + block)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_image(data)
    assert sorted(image.size) == [8, 8]
    assert set(image.info) <= {NOTES_KEY}


def test_metadata_is_dropped():
    data = encoded(photograph(), "JPEG", exif=exif(6), dpi=(72, 72), comment=b"secret")
    image = read_image(data)
    assert image.info == {}
    assert dict(image.getexif()) == {}
    assert not hasattr(image, "filename")


def test_swollen_png_metadata_is_not_unpacked():
    plain = encoded(photograph(), "PNG")
    one = png_chunk(b"tEXt", b"key\0" + b"x" * 2_000_000)
    many = png_chunk(b"tEXt", b"key\0" + b"x" * 900_000) * 80
    packed = png_chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(80_000_000)))
    for texts in (one, many, packed):
        swollen = plain[:33] + texts + plain[33:]
        assert_array_equal(pixels(read_image(swollen)), pixels(photograph()))


def test_a_png_with_swollen_text_and_nothing_else_is_refused():
    packed = png_chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(80_000_000)))
    assert code_of(png_header_only(8, 8)[:33] + packed) == "unidentified"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "MPO", "PNG"])
def test_of_several_frames_the_first_is_taken(kind):
    first, second = Image.new("RGB", (8, 8), (200, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 200))
    image = read_image(encoded(first, kind, save_all=True, append_images=[second]))
    assert_allclose(pixels(image), pixels(first), atol=3)
    assert notes(image) == ("first_frame",)


def test_a_broken_second_frame_does_not_harm_the_first(monkeypatch):
    def broken(self, frame):
        raise SyntaxError("broken")

    data = encoded(photograph(), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.seek", broken)
    assert notes(read_image(data)) == ("first_frame",)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_one_pixel_wide_is_degenerate(size):
    image = read_image(encoded(Image.new("RGB", size, (1, 2, 3)), "PNG"))
    assert notes(image) == ("degenerate",)
    assert pixels(image)[0, 0].tolist() == [1, 2, 3]


def test_limits_hold_at_their_edges():
    limits = {"max_pixels": 200, "max_aspect_ratio": 2.0}
    assert read_image(encoded(Image.new("L", (20, 10)), "PNG"), policy=ReadPolicy(**limits))
    assert code_of(encoded(Image.new("L", (21, 10)), "PNG"), **limits) == "too_large"
    assert code_of(encoded(Image.new("L", (21, 1)), "PNG"), **limits) == "aspect_ratio"
    assert code_of(encoded(Image.new("L", (9, 4)), "PNG"), **limits) == "aspect_ratio"


def test_a_panorama_passes_and_a_strip_does_not():
    check_size((20_000, 1_000), name="panorama", policy=ReadPolicy())
    assert code_of(encoded(Image.new("L", (1, 5_000)), "PNG")) == "aspect_ratio"
    with pytest.raises(DataError, match="0 x 5"):
        check_size((0, 5), name="nothing", policy=ReadPolicy())


def test_limits_come_before_decoding(monkeypatch):
    def forbidden(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", forbidden)
    assert code_of(png_header_only(20_000, 20_000)) == "too_large"
    assert code_of(png_header_only(10_000, 10_000)) == "too_large"
    assert code_of(png_header_only(1, 60_000)) == "aspect_ratio"


def test_bombs_take_no_memory(tmp_path):
    script = """if True:
        import resource, sys
        from pathlib import Path
        from seewhy.base.errors import DataError
        from seewhy.data.images import read_image
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        read_image(Path(sys.argv[1]))
        before = peak()
        for name in sys.argv[2:]:
            try: read_image(Path(name))
            except DataError as error: print(error.code)
        print(peak() - before)
    """
    sizes = {"bomb": (20_000, 20_000), "large": (10_000, 10_000), "strip": (1, 60_000)}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(png_header_only(*size))
    (tmp_path / "fine").write_bytes(encoded(photograph(), "PNG"))
    names = [str(tmp_path / name) for name in ("fine", *sizes)]
    command = [sys.executable, "-c", script, *names]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert answer[:3] == ["too_large", "too_large", "aspect_ratio"]
    assert float(answer[3]) < 64


def large_jpeg(**options):
    return encoded(Image.new("RGB", (900, 600), (200, 10, 10)), "JPEG", **options)


@pytest.mark.parametrize(("limit", "size"), [(540_000, 900), (539_999, 450), (20_000, 113)])
def test_a_large_jpeg_is_decoded_smaller(limit, size):
    image = read_image(large_jpeg(), policy=ReadPolicy(max_pixels=limit))
    assert image.width == size
    assert_allclose(pixels(image).mean(axis=(0, 1)), [200, 10, 10], atol=3)
    assert notes(image) == (("reduced",) if size < 900 else ())


def test_not_every_large_jpeg_can_be_decoded_smaller():
    assert code_of(large_jpeg(), max_pixels=1_000) == "too_large"
    assert code_of(large_jpeg(progressive=True), max_pixels=100_000) == "too_large"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM"])
def test_a_cut_file_is_refused_or_filled_up(kind):
    whole = encoded(photograph(64), kind, **({"interlace": 0} if kind == "GIF" else {}))
    cut = whole[: len(whole) * 2 // 3]
    assert code_of(cut) == "truncated"
    image = read_image(cut, policy=ReadPolicy(tolerate_truncated=True))
    assert notes(image) == ("truncated",)
    assert image.size == (64, 64)
    found, expected = pixels(image), pixels(read_image(whole))
    if kind == "BMP":  # It is stored from the bottom up.
        found, expected = found[::-1], expected[::-1]
    assert_allclose(found[:8], expected[:8], atol=2)
    assert np.abs(found[-8:] - expected[-8:]).mean() > 10


def test_a_cut_webp_is_called_so():
    whole = encoded(photograph(64), "WEBP")
    assert code_of(whole[: len(whole) // 2]) == "truncated"
    assert code_of(whole[: len(whole) // 2], tolerate_truncated=True) == "truncated"


def test_damage_in_the_middle_is_corrupt():
    data = bytearray(encoded(photograph(), "PNG"))
    data[60] ^= 255
    assert code_of(bytes(data)) == "corrupt"


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_fail(junk):
    for start in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"P6 ",
    ):
        with suppress(DataError):
            assert read_image(start + junk).mode == "RGB"


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_no_changed_byte_does_more_than_fail(position, value):
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        data = bytearray(encoded(photograph(16), kind))
        data[position % len(data)] = value
        with suppress(DataError):
            assert read_image(bytes(data)).mode == "RGB"


@pytest.mark.parametrize(
    "text", [b"<svg/>", b"<html></html>", b"%!PS-Adobe-3.0 EPSF-3.0", b"SIMPLE  =   T", b"%PDF-1.7"]
)
def test_documents_are_never_opened(text):
    assert code_of(text) == "unidentified"


def test_an_empty_file_is_unidentified(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert code_of(tmp_path / "empty.jpg") == "unidentified"
    assert code_of(b"") == "unidentified"


def test_pillow_is_left_as_found(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = encoded(photograph(), "JPEG")
    filters = list(warnings.filters)
    assert code_of(whole[:-30]) == "truncated"
    read_image(whole)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    assert warnings.filters == filters


def test_the_last_reader_restores_pillow(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    first = StrictPillow()
    with first:
        with first:
            assert ImageFile.LOAD_TRUNCATED_IMAGES is False
        assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_many_threads_read_the_same():
    whole = encoded(photograph(), "JPEG")
    read = []
    with strict_pillow:
        threads = [
            threading.Thread(target=lambda: read.append(pixels(read_image(whole))))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read) == 8
    assert all((each == read[0]).all() for each in read)


def test_an_opened_image_is_left_as_found():
    stored = io.BytesIO(encoded(photograph().convert("P"), "GIF"))
    with Image.open(stored) as image:
        finished = finish_image(image, name="frame")
        assert (image.mode, finished.mode) == ("P", "RGB")
    plain = photograph()
    assert finish_image(plain, name="plain") is not plain


def test_an_opened_image_can_still_be_cut():
    whole = encoded(photograph(64), "JPEG")
    with (
        Image.open(io.BytesIO(whole[: len(whole) // 2])) as image,
        pytest.raises(DataError) as caught,
    ):
        finish_image(image, name="item 3")
    assert caught.value.code == "truncated"
    assert str(caught.value).startswith("item 3")


@pytest.mark.parametrize(
    "settings",
    [
        {"max_pixels": 0}, {"max_aspect_ratio": 0.5}, {"max_bytes": 0}, {"timeout": 0.0},
        {"background": (0, 0, 256)},
    ],
)  # fmt: skip
def test_senseless_policies_are_refused(settings):
    with pytest.raises(UsageError):
        ReadPolicy(**settings)


def test_every_listed_format_is_known_to_pillow():
    Image.init()
    assert set(images._FORMATS) <= set(Image.OPEN)


def test_what_is_read_as_stored_is_neither_turned_nor_converted(tmp_path):
    palette = photograph().quantize(5)
    (tmp_path / "p.png").write_bytes(encoded(palette, "PNG", exif=exif(6)))
    stored = read_stored(tmp_path / "p.png")
    assert stored.mode == "P"
    assert_array_equal(np.asarray(stored), np.asarray(palette))
    (tmp_path / "p.png").write_bytes(encoded(palette, "PNG")[:-40])
    with pytest.raises(DataError) as caught:
        read_stored(tmp_path / "p.png")
    assert caught.value.code == "truncated"
