import pytest
from tests.data.segmentation.trees import (
    failures_of,
    first_labels,
    only,
    write_image,
    write_labels,
)

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.camouflage import CAMOUFLAGE_NAMES, open_camouflage


def build(root, name="COD10K"):
    folder = root / "TestDataset" / name
    write_image(folder / "Imgs" / "COD10K-CAM-1.jpg")
    write_labels(folder / "GT" / "COD10K-CAM-1.png", [0, 128, 129, 255])
    return folder


@pytest.mark.parametrize("name", ["COD10K", "CAMO"])
def test_the_object_is_where_the_truth_is_bright(tmp_path, name):
    build(tmp_path, name)
    record = only(open_camouflage(tmp_path, name=name))
    assert first_labels(record, 4) == [0, 0, 1, 1]
    assert record.example().truth.present == (1,)
    assert record.class_names == CAMOUFLAGE_NAMES


def test_what_is_missing(tmp_path):
    folder = build(tmp_path)
    write_image(folder / "Imgs" / "COD10K-CAM-2.jpg")
    source = open_camouflage(tmp_path)
    assert only(source).id == "COD10K-CAM-1"
    assert failures_of(source) == [("COD10K-CAM-2", "missing_mask")]
    with pytest.raises(UsageError, match="TestDataset/NC4K/Imgs"):
        open_camouflage(tmp_path, name="NC4K")
