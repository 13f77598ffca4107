import json

import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.models.editing.feature_store import INDEX, FeatureStore, write_store
from seewhy.models.editing.features import ImageFeatures, grid_boxes
from seewhy.models.editing.sources import GridSourceConfig


def features(seed, count=3, channels=4, **more):
    numbers = torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))
    return ImageFeatures(numbers, **more)


def cells(seed):
    return features(seed, 6, boxes=grid_boxes(2, 3), grid=(2, 3))


def pictures():
    return [(f"picture {number}", features(number, 1 + number % 5)) for number in range(20)]


def assert_equal(one, other):
    assert torch.equal(one.regions, other.regions)
    assert one.grid == other.grid
    assert (one.boxes is None) == (other.boxes is None)
    assert one.boxes is None or torch.equal(one.boxes, other.boxes)


@pytest.mark.parametrize("part_regions", [1, 7, 1000])
def test_features_are_read_back_in_any_order(part_regions, tmp_path):
    write_store(tmp_path / "s", pictures(), part_regions=part_regions)
    store = FeatureStore(tmp_path / "s")
    assert list(store.ids) == [name for name, _ in pictures()]
    assert (len(store), store.width) == (20, 4)
    for name, expected in reversed(pictures()):
        assert_equal(store.features(name), expected)


def test_parts_are_no_larger_than_one_picture_more(tmp_path):
    write_store(tmp_path / "s", pictures(), part_regions=7)
    parts = sorted((tmp_path / "s").glob("*.safetensors"))
    # 60 regions; a part ends with the picture that brings it to seven or more, at most eleven.
    assert 60 / 11 <= len(parts) <= 60 / 7 + 1


def test_grid_boxes_and_source_are_kept(tmp_path):
    source = GridSourceConfig(encoder="embedded:ssl-simclr", rows=2, cols=3, width=4)
    write_store(tmp_path / "s", [("a", cells(0)), ("b", cells(1))], source=source)
    store = FeatureStore(tmp_path / "s")
    assert_equal(store.features("b"), cells(1))
    assert store.index.source == source


def test_half_precision_rounds_regions_but_not_boxes(tmp_path):
    write_store(tmp_path / "s", [("a", cells(0))], precision="float16")
    found = FeatureStore(tmp_path / "s").features("a")
    assert found.regions.dtype == torch.float32
    assert_close(found.regions, cells(0).regions, atol=2e-3, rtol=1e-3)
    assert torch.equal(found.boxes, cells(0).boxes)


def test_names_of_pictures_may_be_anything(tmp_path):
    names = ["../a", "a/b", "", "caf\u00e9 \u72d7", "\u202eb", '"quoted"']
    write_store(tmp_path / "s", [(name, features(k)) for k, name in enumerate(names)])
    store = FeatureStore(tmp_path / "s")
    for number, name in enumerate(names):
        assert_equal(store.features(name), features(number))
    assert {path.parent for path in tmp_path.rglob("*.safetensors")} == {tmp_path / "s"}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (("a", features(1)), "twice"),
        (("b", features(1, channels=5)), "one source"),
        (("b", features(1, 3, grid=(1, 3))), "one source"),
        (("b", features(1, 3, boxes=grid_boxes(1, 3))), "one source"),
    ],
)
def test_pictures_that_do_not_go_together_leave_no_store(second, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        write_store(tmp_path / "s", [("a", features(0)), second], part_regions=1)
    with pytest.raises(UsageError, match="no stored features"):
        FeatureStore(tmp_path / "s")


def test_a_store_is_not_written_over(tmp_path):
    write_store(tmp_path / "s", pictures())
    with pytest.raises(UsageError, match="already"):
        write_store(tmp_path / "s", [("a", features(0))])
    assert len(FeatureStore(tmp_path / "s")) == 20


def test_nothing_is_no_store(tmp_path):
    with pytest.raises(UsageError, match="nothing to store"):
        write_store(tmp_path / "s", [])


def test_an_unknown_picture_is_named(tmp_path):
    write_store(tmp_path / "s", pictures())
    with pytest.raises(DataError, match="'away'") as caught:
        FeatureStore(tmp_path / "s").features("away")
    assert caught.value.code == "missing"


def changed(folder, change):
    path = folder / INDEX
    index = json.loads(path.read_text("utf-8"))
    change(index)
    path.write_text(json.dumps(index), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.update(format="seewhy.features/2"),
        lambda index: index.update(width=0),
        lambda index: index.pop("images"),
        lambda index: index["images"].update(a={"part": -1, "start": 0, "count": 1}),
        lambda index: index["images"].update(a={"part": 0, "start": 0, "count": 0}),
        lambda index: index.update(more=1),
    ],
)
def test_an_index_of_another_kind_is_refused(change, tmp_path):
    write_store(tmp_path / "s", pictures())
    with pytest.raises(UsageError, match="no index of features"):
        FeatureStore(changed(tmp_path / "s", change))


@pytest.mark.parametrize(
    "place",
    [
        {"part": 3, "start": 0, "count": 1},
        {"part": 0, "start": 59, "count": 5},
        {"part": 0, "start": 1000, "count": 1},
    ],
)
def test_an_index_that_lies_costs_no_other_picture(place, tmp_path):
    write_store(tmp_path / "s", pictures())
    changed(tmp_path / "s", lambda index: index["images"].update(a=place))
    store = FeatureStore(tmp_path / "s")
    with pytest.raises(DataError) as caught:
        store.features("a")
    assert caught.value.code == "bad_entry"
    assert_equal(store.features("picture 3"), features(3, 4))


def test_a_damaged_part_is_named(tmp_path):
    write_store(tmp_path / "s", pictures())
    (part,) = (tmp_path / "s").glob("*.safetensors")
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(DataError, match=part.name):
        FeatureStore(tmp_path / "s").features("picture 0")


def test_a_width_that_lies_is_found(tmp_path):
    write_store(tmp_path / "s", pictures())
    store = FeatureStore(changed(tmp_path / "s", lambda index: index.update(width=5)))
    with pytest.raises(DataError, match=r"\(1, 4\), not \(1, 5\)"):
        store.features("picture 0")
