import re
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
from PIL import Image
from tests.data.pictures import (
    BLUE,
    BLUE_PNG,
    RED,
    RED_PNG,
    Items,
    read_code,
)

import seewhy
from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import ReadPolicy
from seewhy.data.records import ImageRecord
from seewhy.data.sources import ImageSource, open_source


@pytest.fixture
def classes(tmp_path):
    """Two class folders, each with one image."""
    root = tmp_path / "photos"
    for name, data in (("cats", RED_PNG), ("dogs", BLUE_PNG)):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep" / "1.png").write_bytes(data)
    return root


def record(identity, image=RED, **more):
    return ImageRecord(identity, lambda: image, **more)


def test_records_and_sources_pass_through():
    records = [record("a"), record("b")]
    source = open_source(records)
    assert source.records is records
    assert open_source(source) is source
    with pytest.raises(UsageError, match="'a'"):
        open_source([record("a"), record("a")])


def test_fingerprints_see_content_not_order(classes):
    source = open_source(classes)
    turned = ImageSource("other", source.records[::-1])
    assert source.fingerprint() == turned.fingerprint() == open_source(classes).fingerprint()
    before = source.fingerprint()
    (classes / "cats" / "deep" / "1.png").write_bytes(BLUE_PNG)
    assert source.fingerprint() != before


def test_fingerprints_see_labels_attributes_pixels_and_faults():
    def broken():
        raise DataError("corrupt", "x")

    variants = [
        record("a"),
        record("b"),
        record("a", BLUE),
        record("a", RED.transpose(Image.Transpose.ROTATE_90)),
        record("a", label="x"),
        record("a", attributes={"label": "x"}),
        ImageRecord("a", broken),
    ]
    prints = {ImageSource("s", [each]).fingerprint() for each in variants}
    assert len(prints) == len(variants)


def test_one_policy_holds_for_all_sources(tmp_path):
    policy = ReadPolicy(max_pixels=20)
    (tmp_path / "red.png").write_bytes(RED_PNG)
    (tmp_path / "list.csv").write_text("path\nred.png\n")
    table = datasets.Dataset.from_dict({"path": [str(tmp_path / "red.png")]})
    for data in (tmp_path, tmp_path / "list.csv", table, Items([RED]), Items([np.array(RED)])):
        (only,) = open_source(data, policy=policy).records
        assert read_code(only) == "too_large"


def test_every_code_and_note_is_documented():
    root = Path(seewhy.__file__).parent
    page = (root.parents[1] / "docs" / "failures.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in root.rglob("*.py")]
    used = {
        code
        for text in texts
        for code in re.findall(
            r'(?:DataError\(\s*|Failure\([^"\n]*, |code, reason = )"([a-z_]+)"', text
        )
    }
    assert {"truncated", "bad_row", "too_many_failures", "non_finite"} <= used
    missing = {code for code in used if f"| `{code}` |" not in page}
    assert missing == set()


def test_a_length_on_the_instance_alone_is_no_data_set():
    fake = SimpleNamespace(__len__=lambda: 1)
    with pytest.raises(UsageError, match="SimpleNamespace"):
        open_source(fake)
