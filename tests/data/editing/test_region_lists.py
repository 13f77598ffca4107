import pytest
from tests.data.editing.golden import PARTS, STORED, toy_images, written

from seewhy.base.errors import UsageError
from seewhy.data.editing.region_lists import RegionIndex, read_region_index, read_region_rows


def toy_index(folder):
    train, validation = (
        read_region_index(written(folder / f"{name}.json", STORED["input"][f"{name}_index"]))
        for name in ("train", "val")
    )
    return RegionIndex(train, validation)


@pytest.mark.parametrize("part", PARTS)
def test_rows_are_the_published_ones(part, tmp_path):
    rows = toy_index(tmp_path).rows(toy_images(tmp_path).of(part))
    assert [list(row) for row in rows] == STORED[f"{PARTS[part]}_GENOME_DETS"]
    stored = written(tmp_path / "rows.json", STORED[f"{PARTS[part]}_GENOME_DETS"])
    assert read_region_rows(stored) == rows


def test_an_image_without_features_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"image 100 .*neither"):
        RegionIndex({}, {"121": 0}).rows(toy_images(tmp_path).images)


@pytest.mark.parametrize("rows", [{"1": -1}, {"1": 1.5}, {"1": None}, {"1": "2"}, [1], {"1": []}])
def test_a_broken_index_is_refused(rows, tmp_path):
    with pytest.raises(UsageError, match=r"i\.json"):
        read_region_index(written(tmp_path / "i.json", rows))


@pytest.mark.parametrize("rows", [["t"], [["x", 1]], [["t", -1]], [["t", 1, 2]], {"t": 1}, [3]])
def test_broken_rows_are_refused(rows, tmp_path):
    with pytest.raises(UsageError, match=r"r\.json"):
        read_region_rows(written(tmp_path / "r.json", rows))
