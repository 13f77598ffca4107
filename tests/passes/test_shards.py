from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.passes.examples import COUNTED, Square, record, squares

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import DEFAULT_POLICY
from seewhy.data.listing import FileImage
from seewhy.data.records import ImageRecord
from seewhy.passes.shards import Shard, shard_key, shards_of

BASE = ImageRecord("a", Square(1), "cat", {"colour": "red", "size": "big"})


@given(count=st.integers(0, 30), size=st.integers(1, 35))
def test_shards_hold_all_records_in_order(count, size):
    shards = shards_of(squares(count), size)
    assert [record.id for shard in shards for record in shard.records] == [
        f"r{number}" for number in range(count)
    ]
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert all(len(shard.records) == size for shard in shards[:-1])
    assert all(0 < len(shard.records) <= size for shard in shards)


def test_a_shard_of_nothing_is_refused():
    with pytest.raises(UsageError, match="at least 1"):
        shards_of(squares(3), 0)


def key(*records, job="job", number=0):
    return shard_key(job, Shard(number, records))


def test_the_key_is_the_same_for_the_same():
    again = ImageRecord("a", Square(1), "cat", {"size": "big", "colour": "red"})
    assert key(BASE) == key(again) == key(BASE, number=7)
    assert len(key(BASE)) == 64
    assert set(key(BASE)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "b"},
        {"read": Square(2)},
        {"read": Square(1, DataError("cut", "x"))},
        {"read": Square(1, OSError("x"))},
        {"label": "dog"},
        {"label": None},
        {"attributes": {"colour": "red"}},
        {"attributes": {"colour": "red", "size": "small"}},
    ],
)
def test_whatever_changes_in_a_record_changes_the_key(change):
    assert key(replace(BASE, **change)) != key(BASE)


def test_job_order_and_number_of_records_change_the_key():
    keys = [key(BASE), key(BASE, job="other"), key(BASE, record(1)), key(record(1), BASE), key()]
    assert len(set(keys)) == len(keys)


def test_the_content_of_a_file_counts_and_not_its_place(tmp_path):
    def held_by(name, content):
        (tmp_path / name).write_bytes(content)
        return key(replace(BASE, read=FileImage(tmp_path / name, DEFAULT_POLICY)))

    assert held_by("a", b"1") == held_by("b", b"1") != held_by("a", b"2")


def test_each_image_is_read_once():
    COUNTED.clear()
    key(*squares(5))
    assert dict(COUNTED) == dict.fromkeys(range(5), 1)
