import numpy as np
import torch

from seewhy.data.records import Failure
from seewhy.passes.rows import failures_in, merged_rows, rows_part
from seewhy.passes.runner import Batch, PassResult


def result(*batches, failures=(), notes=None):
    return PassResult(
        tuple(
            Batch(ids, {"column": torch.tensor([[float(ord(each))] for each in ids])})
            for ids in batches
        ),
        failures,
        notes or {},
    )


def test_columns_are_joined_in_the_order_of_the_images():
    part = rows_part(result(("a", "b"), ("c",), notes={"b": ("truncated",)}))
    assert part.arrays["column"].tolist() == [[97.0], [98.0], [99.0]]
    assert part.facts == {"ids": ["a", "b", "c"], "failures": [], "notes": {"b": ["truncated"]}}


def test_two_parts_follow_one_another_and_keep_their_failures():
    failures = (Failure("x", "corrupt", "it is"), Failure("y", "missing", "it is not"))
    first, second = (
        rows_part(result((name,), failures=(failure,), notes={name: ("note",)}))
        for name, failure in zip("ab", failures, strict=True)
    )
    merged = merged_rows(first, second)
    assert merged.arrays["column"].tolist() == [[97.0], [98.0]]
    assert merged.facts["ids"] == ["a", "b"]
    assert merged.facts["notes"] == {"a": ["note"], "b": ["note"]}
    assert failures_in(merged) == failures


def test_a_part_of_failures_alone_has_no_columns_and_adds_none():
    empty = rows_part(result(failures=(Failure("x", "corrupt", "it is"),)))
    full = rows_part(result(("a",)))
    assert empty.arrays == {}
    for pair in ((empty, full), (full, empty)):
        merged = merged_rows(*pair)
        assert np.array_equal(merged.arrays["column"], full.arrays["column"])
        assert merged.facts["ids"] == ["a"]
    assert merged_rows(empty, empty).arrays == {}
