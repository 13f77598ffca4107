import base64
import os
import pickle

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.data.editing.region_lists import RegionRow
from seewhy.data.records import Failure
from seewhy.models.editing.feature_files import (
    AdaptiveRegions,
    FixedRegions,
    SplitRegions,
    read_region_table,
)

NUMBERS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
PLACES = np.tile(np.array([0.25, 0.5, 0.75, 1.0000001, 0.5, 0.5], dtype=np.float32), (2, 3, 1))


class FakeFile(dict):
    """What h5py gives of a file: arrays by name."""

    def close(self):
        self.clear()


@pytest.fixture
def hdf5(monkeypatch):
    """Files by path that stand for HDF5, as h5py may be missing."""
    files = {}

    class Library:
        @staticmethod
        def File(path, mode):  # noqa: N802
            assert mode == "r"
            if path not in files:
                raise OSError("unable to open file")
            return FakeFile(files[path])

    monkeypatch.setattr(
        "seewhy.models.editing.feature_files.import_module", lambda name: {"h5py": Library}[name]
    )
    return files


def test_rows_of_a_file_are_the_regions_of_pictures(hdf5, tmp_path):
    hdf5[tmp_path / "a.h5"] = {"image_features": NUMBERS, "spatial_features": PLACES}
    found = FixedRegions(tmp_path / "a.h5")
    assert (len(found), found.width) == (2, 4)
    features = found.features(1)
    assert_close(features.regions, torch.from_numpy(NUMBERS[1]))
    # A rounding error beyond the image is cut.
    assert_close(features.boxes, torch.tensor([[0.25, 0.5, 0.75, 1.0]] * 3))
    assert features.grid is None


def test_boxes_in_pixels_alone_are_not_known(hdf5, tmp_path):
    hdf5[tmp_path / "a.h5"] = {"image_features": NUMBERS, "image_bb": PLACES[..., :4]}
    assert FixedRegions(tmp_path / "a.h5").features(0).boxes is None


@pytest.mark.parametrize("row", [-1, 2, 100])
def test_a_row_that_is_not_there_is_refused(row, hdf5, tmp_path):
    hdf5[tmp_path / "a.h5"] = {"image_features": NUMBERS}
    with pytest.raises(DataError, match="2 rows") as caught:
        FixedRegions(tmp_path / "a.h5").features(row)
    assert caught.value.code == "missing"


def test_a_row_with_numbers_that_are_none_costs_no_other(hdf5, tmp_path):
    broken = NUMBERS.copy()
    broken[0, 1, 2] = np.nan
    hdf5[tmp_path / "a.h5"] = {"image_features": broken}
    found = FixedRegions(tmp_path / "a.h5")
    with pytest.raises(DataError, match=r"row 0 .* not finite"):
        found.features(0)
    assert_close(found.features(1).regions, torch.from_numpy(NUMBERS[1]))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"features": NUMBERS},
        {"image_features": NUMBERS[0]},
        {"image_features": {"a": 1}},
        {"image_features": NUMBERS, "spatial_features": PLACES[:, :2]},
        {"image_features": NUMBERS, "spatial_features": PLACES[0]},
    ],
)
def test_a_file_of_something_else_is_refused(content, hdf5, tmp_path):
    hdf5[tmp_path / "a.h5"] = content
    with pytest.raises(UsageError, match=r"a\.h5.*wanted|a\.h5.*Wanted"):
        FixedRegions(tmp_path / "a.h5")


def test_a_file_that_is_no_hdf5_is_refused(hdf5, tmp_path):
    with pytest.raises(UsageError, match="cannot be read as HDF5"):
        FixedRegions(tmp_path / "a.h5")


def test_without_h5py_it_says_how_to_install_it(monkeypatch, tmp_path):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("seewhy.models.editing.feature_files.import_module", missing)
    with pytest.raises(UsageError, match=r"pip install 'seewhy\[regions\]'"):
        FixedRegions(tmp_path / "a.h5")


def test_h5py_itself_reads_the_same(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["image_features"], file["spatial_features"] = NUMBERS, PLACES
    found = FixedRegions(path)
    assert_close(found.features(0).regions, torch.from_numpy(NUMBERS[0]))
    assert_close(found.features(0).boxes, torch.tensor([[0.25, 0.5, 0.75, 1.0]] * 3))
    found.close()
    (tmp_path / "b.h5").write_bytes(b"no file")
    with pytest.raises(UsageError, match="cannot be read as HDF5"):
        FixedRegions(tmp_path / "b.h5")


def test_names_lead_to_files_and_rows(hdf5, tmp_path):
    hdf5[tmp_path / "t.h5"] = {"image_features": NUMBERS}
    hdf5[tmp_path / "v.h5"] = {"image_features": NUMBERS + 100}
    files = {"t": FixedRegions(tmp_path / "t.h5"), "v": FixedRegions(tmp_path / "v.h5")}
    rows = [RegionRow("v", 0), RegionRow("t", 1)]
    found = SplitRegions.of(["a.jpg", "b.jpg"], rows, files)
    assert found.features("a.jpg").regions[0, 0] == 100
    assert found.features("b.jpg").regions[0, 0] == 12
    with pytest.raises(DataError, match=r"c\.jpg"):
        found.features("c.jpg")
    for names, some, given in (
        (["a.jpg"], rows, files),
        (["a.jpg", "a.jpg"], rows, files),
        (["a.jpg", "b.jpg"], rows, {"t": files["t"]}),
    ):
        with pytest.raises(UsageError, match="do not go together"):
            SplitRegions.of(names, some, given)


def test_a_file_for_each_picture_may_have_any_number_of_regions(tmp_path):
    np.savez(tmp_path / "7.npz", feat=NUMBERS[0])
    np.savez(tmp_path / "8.npz", feat=NUMBERS[0, :1].astype(np.float16), more=3)
    found = AdaptiveRegions(tmp_path)
    assert_close(found.features("7").regions, torch.from_numpy(NUMBERS[0]))
    assert_close(found.features("8").regions, torch.from_numpy(NUMBERS[0, :1]))
    assert found.features("8").boxes is None


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_files_that_cannot_be_used_are_refused_and_run_nothing(tmp_path):
    made = tmp_path / "made"
    np.savez(tmp_path / "objects.npz", feat=np.array([Harmful(made)], dtype=object))
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps(Harmful(made)))
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", feats=NUMBERS[0])
    np.savez(tmp_path / "flat.npz", feat=NUMBERS[0, 0])
    np.savez(tmp_path / "words.npz", feat=np.array([["a"]]))
    np.savez(tmp_path / "none.npz", feat=NUMBERS[0][:0])
    (tmp_path / "half.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:60])
    np.savez_compressed(tmp_path / "bits.npz", feat=NUMBERS[0])
    content = bytearray((tmp_path / "bits.npz").read_bytes())
    content[60:70] = b"\xff" * 10
    (tmp_path / "bits.npz").write_bytes(content)
    with (tmp_path / "array.npz").open("wb") as stream:
        np.save(stream, NUMBERS[0])
    codes = {}
    names = (
        "objects",
        "pickled",
        "empty",
        "other",
        "flat",
        "words",
        "none",
        "half",
        "bits",
        "array",
        "away",
    )
    for name in names:
        with pytest.raises(DataError) as caught:
            AdaptiveRegions(tmp_path).features(name)
        codes[name] = caught.value.code
        assert name in str(caught.value)
    assert codes.pop("away") == "missing"
    assert codes.pop("none") == "non_finite"
    assert set(codes.values()) == {"bad_entry"}
    assert not made.exists()


@pytest.mark.parametrize("name", ["../7", "a/7", "/etc/7"])
def test_a_name_does_not_lead_out_of_the_folder(name, tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    np.savez(tmp_path / "7.npz", feat=NUMBERS[0])
    with pytest.raises(DataError) as caught:
        AdaptiveRegions(folder).features(name)
    assert caught.value.code == "outside"


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        AdaptiveRegions(tmp_path / "away")


def coded(array):
    return base64.b64encode(np.asarray(array, dtype="<f4").tobytes()).decode()


def line(image_id="42", size=("40", "20"), count="2", boxes=None, features=None):
    boxes = coded([[0, 0, 20, 10], [10, 5, 40, 20]]) if boxes is None else boxes
    features = coded([[1, 2, 3], [4, 5, 6]]) if features is None else features
    return "\t".join([image_id, *size, count, boxes, features])


def table(folder, *lines):
    path = folder / "regions.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return list(read_region_table(path))


def test_a_table_holds_boxes_in_pixels_and_features_in_base64(tmp_path):
    first, second = table(tmp_path, line(), "", line("43", count="1", boxes=coded([[0, 0, 4, 4]]),
                                                     features=coded([[7, 8, 9]])))  # fmt: skip
    assert (first.image_id, second.image_id) == ("42", "43")
    assert_close(first.features.regions, torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
    assert_close(first.features.boxes, torch.tensor([[0, 0, 0.5, 0.5], [0.25, 0.25, 1, 1]]))
    assert second.features.regions.tolist() == [[7, 8, 9]]


@pytest.mark.parametrize(
    "broken",
    [
        "42\t40\t20",
        line() + "\tmore",
        line(count="3"),
        line(count="0"),
        line(count="-2"),
        line(count="many"),
        line(size=("0", "20")),
        line(size=("wide", "20")),
        line(features="no base64!"),
        line(features=""),
        line(features=coded([1, 2, 3])),
        line(boxes=coded([[1, 2, 3], [4, 5, 6]])),
        line(features=coded([[1, 2, 3], [4, 5, np.nan]])),
        line(boxes=coded([[0, 0, 20, 10], [40, 5, 10, 20]])),
    ],
)
def test_a_broken_line_is_named_and_costs_no_other(broken, tmp_path):
    failure, good = table(tmp_path, broken, line())
    assert isinstance(failure, Failure)
    assert failure.id == "line 1"
    assert failure.code in ("bad_row", "non_finite")
    assert "line 1" in failure.message
    assert good.image_id == "42"


def test_bytes_that_are_no_table_are_failures(tmp_path):
    path = tmp_path / "regions.tsv"
    path.write_bytes(b"\x80\x04\x95\t\xff\xfe\t1\t1\t1\t1\n" + line().encode())
    failure, good = read_region_table(path)
    assert isinstance(failure, Failure)
    assert good.image_id == "42"


def test_an_endless_line_is_no_table(tmp_path, monkeypatch):
    monkeypatch.setattr("seewhy.models.editing.feature_files._LONGEST_LINE", 50)
    with pytest.raises(UsageError, match="no table of regions"):
        table(tmp_path, "x" * 51)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        list(read_region_table(tmp_path / "away.tsv"))
