import gzip
import os
import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.data.pictures import (
    RED_PNG,
)

from seewhy.base.errors import DataError, UsageError
from seewhy.data import idx
from seewhy.data.sources import open_source


def idx_bytes(values):
    magic = struct.pack(">HBB", 0, 8, values.ndim)
    return magic + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


DIGITS = np.random.default_rng(7).integers(0, 256, (3, 5, 4), dtype=np.uint8)
LABELS = np.array([7, 2, 1], dtype=np.uint8)


IMAGES_FILE, LABELS_FILE = idx_bytes(DIGITS), idx_bytes(LABELS)


def write_idx(folder, images=IMAGES_FILE, labels=LABELS_FILE, prefix="train", end=""):
    pack = gzip.compress if end else bytes
    path = folder / f"{prefix}-images-idx3-ubyte{end}"
    path.write_bytes(pack(images))
    if labels is not None:
        (folder / f"{prefix}-labels-idx1-ubyte{end}").write_bytes(pack(labels))
    return path


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_give_every_pixel_and_label(tmp_path, end):
    path = write_idx(tmp_path, end=end)
    for source in (open_source(path), open_source(tmp_path)):
        assert [(record.id, record.label) for record in source.records] == [
            ("0", "7"),
            ("1", "2"),
            ("2", "1"),
        ]
        for record, expected in zip(source.records, DIGITS, strict=True):
            assert_array_equal(np.asarray(record.read())[:, :, 1], expected)
        assert source.notes == ()


def test_idx_splits_and_missing_labels(tmp_path):
    write_idx(tmp_path)
    write_idx(tmp_path, end=".gz")
    write_idx(tmp_path, idx_bytes(DIGITS[:1]), labels=None, prefix="t10k")
    test = open_source(tmp_path, split="test")
    assert len(test.records) == 1
    assert test.records[0].label is None
    assert test.notes == ("no labels beside 't10k-images-idx3-ubyte'",)
    assert len(open_source(tmp_path, split="train").records) == 3
    for split in (None, "validation"):
        with pytest.raises(UsageError, match="'train' or 'test'"):
            open_source(tmp_path, split=split)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx_bytes(DIGITS)[:-1], None, "announces 60 bytes.*holds 59"),
        (idx_bytes(DIGITS) + b"x", None, "more than 60"),
        (idx_bytes(DIGITS)[:9], None, "no IDX file"),
        (b"\0\0\x08\x03" + b"\xff" * 12, None, "at most 2 GiB"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2**20, 20, 20), None, "holds 0"),
        (idx_bytes(DIGITS), idx_bytes(LABELS[:2]), "2 labels for 3 images"),
        (idx_bytes(DIGITS), b"junk", "no IDX file"),
        (idx_bytes(DIGITS[:0]), None, "holds no image"),
    ],
)
def test_idx_headers_that_lie_are_refused(tmp_path, images, labels, message):
    path = write_idx(tmp_path, images, labels)
    with pytest.raises(UsageError, match=message):
        open_source(path)


def test_a_cut_gzip_file_is_refused(tmp_path):
    path = write_idx(tmp_path, end=".gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="cannot be read"):
        open_source(path)


def test_idx_strips_are_out_of_limits(tmp_path):
    path = write_idx(tmp_path, idx_bytes(np.zeros((2, 1, 50), dtype=np.uint8)), None)
    with pytest.raises(DataError, match="strip"):
        open_source(path)


def test_other_files_are_no_idx(tmp_path):
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8bxx")
    (tmp_path / "photo.png").write_bytes(RED_PNG)
    for name in ("broken.gz", "photo.png"):
        with pytest.raises(UsageError, match="none of these"):
            open_source(tmp_path / name)
    os.mkfifo(tmp_path / "pipe-idx3")
    assert not idx.is_idx(tmp_path / "pipe-idx3")
