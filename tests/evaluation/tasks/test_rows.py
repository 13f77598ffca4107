import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.data.records import Failure
from seewhy.evaluation.tasks.rows import (
    Measured,
    Rows,
    measured_part,
    merged_parts,
    read_rows,
    rows_of,
    sums_of,
    write_rows,
)
from seewhy.passes.runner import Batch, PassResult
from seewhy.passes.shards import Part
from seewhy.passes.store import Store


def measured(numbers):
    numbers = np.array(numbers, dtype=float)
    columns = {"value": numbers, "pair": np.stack([numbers, -numbers], axis=1)}
    return Measured(columns, {"total": np.array([numbers.sum(), 1.0])})


def part(first, *groups):
    batches = [
        Batch((f"image {first + number}",), [measured(group)])
        for number, group in enumerate(groups)
    ]
    return measured_part(PassResult(tuple(batches)))


FAILED = measured_part(PassResult((), (Failure("bad", "corrupt", "no"),)))


def test_rows_belong_to_their_images_and_sums_to_all():
    merged = merged_parts(part(0, [1, 2], []), merged_parts(FAILED, part(2, [3])))
    rows = rows_of(merged)
    assert rows.ids == ("image 0", "image 1", "image 2")
    assert rows.owner.tolist() == [0, 0, 2]
    assert rows.columns["pair"].tolist() == [[1, -1], [2, -2], [3, -3]]
    assert sums_of(merged)["total"].tolist() == [6, 3]
    assert merged.facts["failures"] == [["bad", "corrupt", "no"]]


def test_where_all_images_failed_there_are_no_rows():
    rows = rows_of(merged_parts(FAILED, Part({}, FAILED.facts)))
    assert (rows.ids, len(rows.owner), sums_of(FAILED)) == ((), 0, {})


def test_merging_is_associative():
    parts = [part(0, [1], [2, 3]), part(2, []), part(3, [4, 5])]
    left = merged_parts(merged_parts(parts[0], parts[1]), parts[2])
    right = merged_parts(parts[0], merged_parts(parts[1], parts[2]))
    assert left.facts == right.facts
    for name, values in left.arrays.items():
        np.testing.assert_array_equal(values, right.arrays[name])


def test_a_part_comes_back_from_the_store(tmp_path):
    store = Store(tmp_path)
    store.save("a" * 64, part(0, [1, 2]))
    back = rows_of(store.load("a" * 64))
    assert back.columns["value"].tolist() == [1, 2]


def test_images_can_be_chosen_and_put_in_another_order():
    rows = rows_of(part(0, [1, 2], [3], [4])).on(["image 2", "image 0"])
    assert rows.owner.tolist() == [1, 1, 0]
    assert rows.columns["value"].tolist() == [1, 2, 4]


def test_a_table_reads_back_with_its_texts(tmp_path):
    columns = {
        "method": np.array([0, 1, 0]),
        "label": np.array([2, 2, 0]),
        "value": np.array([0.5, np.nan, 1.0]),
        "counts": np.arange(6).reshape(3, 2),
        "tags": np.array([[True, False], [False, False], [True, True]]),
    }
    rows = Rows(("a", "none", "b"), np.array([0, 0, 2]), columns)
    texts = {"method": ["x", "y"], "label": ["cat", "dog", "=cow()"]}
    path = write_rows(tmp_path / "rows.parquet", rows, texts)
    back = read_rows(path, texts)
    assert (back.ids, back.owner.tolist()) == (("a", "b"), [0, 0, 1])
    for name, values in columns.items():
        np.testing.assert_array_equal(back.columns[name], values)
        assert back.columns[name].dtype == values.dtype
    assert write_rows(tmp_path / "again", rows, texts).read_bytes() == path.read_bytes()


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "rows.parquet").write_text("no")
    for path in (tmp_path / "rows.parquet", tmp_path / "none"):
        with pytest.raises(UsageError, match="cannot read"):
            read_rows(path, {})
