import hashlib
import json
import logging
import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from tests.passes.examples import same

from seewhy.base.errors import InternalError, UsageError
from seewhy.passes import store as module
from seewhy.passes.shards import Part
from seewhy.passes.store import Store

KEY, OTHER = "a" * 64, "b" * 64
PART = Part(
    {
        "numbers": np.arange(12, dtype=np.float32).reshape(3, 4),
        "Ein Name, ganz frei\n": np.array([True, False]),
    },
    {"ids": ["a", "\u00e4", "\ud800"], "nested": {"x": [1, 2.5, None, True]}},
)


@pytest.fixture(autouse=True)
def _disk_without_waiting(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def files(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    "dtype", ["?", "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_every_array_comes_back(tmp_path, dtype, shape):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    Store(tmp_path).save(KEY, Part({"x": array}, {}))
    assert same(Store(tmp_path).load(KEY), Part({"x": array}, {}))


def test_arrays_in_any_layout_come_back(tmp_path):
    table = np.arange(24.0).reshape(4, 6)
    part = Part({"t": table.T, "step": table[::2, ::-3], "big": table.astype(">f4")}, {})
    Store(tmp_path).save(KEY, part)
    loaded = Store(tmp_path).load(KEY).arrays
    for name, array in part.arrays.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_names_order_and_facts_come_back(tmp_path):
    Store(tmp_path).save(KEY, PART)
    loaded = Store(tmp_path).load(KEY)
    assert same(loaded, PART)
    assert list(loaded.arrays) == list(PART.arrays)


def test_what_is_written_into_a_loaded_array_stays_in_memory(tmp_path):
    store = Store(tmp_path)
    store.save(KEY, PART)
    store.load(KEY).arrays["numbers"][:] = -1
    assert same(store.load(KEY), PART)


def test_loaded_arrays_outlive_their_file(tmp_path):
    store = Store(tmp_path)
    store.save(KEY, PART)
    loaded = store.load(KEY)
    store.remove(KEY)
    assert same(loaded, PART)


def test_a_large_table_is_not_copied(tmp_path):
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("the memory of a process is read from /proc")

    def anonymous():
        (line,) = [row for row in status.read_text().splitlines() if row.startswith("RssAnon")]
        return int(line.split()[1]) // 1024

    store = Store(tmp_path)
    store.save(OTHER, PART)
    store.load(OTHER)
    table = np.ones(48 << 18, dtype=np.float32)
    before = anonymous()
    store.save(KEY, Part({"x": table}, {}))
    loaded = store.load(KEY)
    assert loaded.arrays["x"].sum(dtype=np.float64) == table.size
    assert anonymous() - before < 24


@pytest.mark.parametrize(
    "part",
    [
        Part({"x": np.array(["text"])}, {}),
        Part({"x": np.array([None])}, {}),
        Part({"x": np.array([1j])}, {}),
        Part({}, {"x": float("nan")}),
        Part({}, {"x": (1, 2)}),
        Part({}, {"x": {1: 2}}),
        Part({}, {"x": object()}),
    ],
)
def test_what_would_not_come_back_is_refused(tmp_path, part):
    with pytest.raises(InternalError):
        Store(tmp_path).save(KEY, part)
    assert files(tmp_path) == []


@pytest.mark.parametrize("key", ["", "abc", "../" + "a" * 61, "A" * 64, KEY + "a"])
def test_a_key_that_is_none_is_refused(tmp_path, key):
    with pytest.raises(InternalError, match="64 hexadecimal"):
        Store(tmp_path).save(key, PART)


def test_an_absent_part_is_none_and_makes_no_folder(tmp_path):
    store = Store(tmp_path / "new")
    assert not store.has(KEY)
    assert store.load(KEY) is None
    store.remove(KEY)
    store.clear()
    assert not (tmp_path / "new").exists()


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def edit(seal, **changes):
    seal.write_text(json.dumps(json.loads(seal.read_bytes()) | changes))


def reseal(arrays, seal, content):
    """A part that is whole, but not one of ours."""
    arrays.write_bytes(content)
    edit(seal, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def with_facts(content):
    return safetensors.numpy.save({"facts": np.frombuffer(content, np.uint8)})


ARRAYS_DAMAGE = {
    "first bit": lambda path: flip(path, 0),
    "header": lambda path: flip(path, 20),
    "last bit": lambda path: flip(path, -1),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"0"),
    "empty": lambda path: path.write_bytes(b""),
    "absent": lambda path: path.unlink(),
}
SEAL_DAMAGE = {
    "absent": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "a list": lambda path: path.write_text("[]"),
    "foreign schema": lambda path: edit(path, schema_version="seewhy.part/2"),
    "foreign field": lambda path: edit(path, more=1),
    "text for a number": lambda path: edit(path, bytes=str(json.loads(path.read_bytes())["bytes"])),
    "other hash": lambda path: edit(path, sha256="0" * 64),
}
FOREIGN = {
    "no safetensors": b"0" * 100,
    "no facts": safetensors.numpy.save({"x": np.zeros(3)}),
    "facts that are no text": with_facts(b"\xff\xff"),
    "facts that are a list": with_facts(b"[]"),
    "an array missing": with_facts(b'{"names": ["x"], "facts": {}}'),
}
DAMAGE = (
    {
        f"arrays {name}": lambda arrays, _, act=act: act(arrays)
        for name, act in ARRAYS_DAMAGE.items()
    }
    | {f"seal {name}": lambda _, seal, act=act: act(seal) for name, act in SEAL_DAMAGE.items()}
    | {
        f"sealed {name}": lambda arrays, seal, content=content: reseal(arrays, seal, content)
        for name, content in FOREIGN.items()
    }
)


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_part_is_absent_and_removed(tmp_path, caplog, damage, fresh):
    store = Store(tmp_path)
    store.save(KEY, PART)
    store.save(OTHER, PART)
    DAMAGE[damage](store.folder / f"{KEY}.safetensors", store.folder / f"{KEY}.json")
    store = Store(tmp_path) if fresh else store
    with caplog.at_level(logging.WARNING):
        assert store.load(KEY) is None
    assert "damaged" in caplog.text
    assert files(tmp_path) == [f"{OTHER}.json", f"{OTHER}.safetensors"]
    store.save(KEY, PART)
    assert same(store.load(KEY), PART)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(tmp_path_factory, position, bit):
    folder = tmp_path_factory.mktemp("store")
    Store(folder).save(KEY, PART)
    path = folder / f"{KEY}.safetensors"
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << bit
    path.write_bytes(content)
    assert not Store(folder).has(KEY)


def test_a_part_is_read_through_once_while_it_stays(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(KEY, PART)
    store = Store(tmp_path)
    hashed = []
    monkeypatch.setattr(
        module,
        "file_sha256",
        lambda path, real=module.file_sha256: hashed.append(path) or real(path),
    )
    assert store.has(KEY)
    assert store.has(KEY)
    assert len(hashed) == 1
    store.load(KEY)
    assert len(hashed) == 2


def test_saving_again_replaces(tmp_path):
    store = Store(tmp_path)
    store.save(KEY, PART)
    newer = Part({"y": np.zeros(1)}, {"other": 1})
    store.save(KEY, newer)
    assert same(Store(tmp_path).load(KEY), newer)


def test_clearing_removes_parts_and_nothing_else(tmp_path):
    store = Store(tmp_path)
    store.save(KEY, PART)
    store.save(OTHER, PART)
    for name in ("mine.json", "model.safetensors", f"{KEY}.txt"):
        (tmp_path / name).touch()
    store.clear()
    assert files(tmp_path) == sorted(["mine.json", "model.safetensors", f"{KEY}.txt"])
    assert not store.has(KEY)


def test_opening_removes_what_killed_writers_left(tmp_path):
    store = Store(tmp_path)
    store.save(KEY, PART)
    for name in (
        ".seewhy-0123.part",
        ".tmpUZM1hW",
        f"{OTHER}.safetensors",
        f"{'c' * 64}.json",
        "mine.part",
    ):
        (tmp_path / name).touch()
    with Store(tmp_path).in_use():
        assert files(tmp_path) == sorted([f"{KEY}.json", f"{KEY}.safetensors", "lock", "mine.part"])


def test_what_cannot_be_removed_is_told_of(tmp_path, monkeypatch, caplog):
    store = Store(tmp_path)
    store.save(KEY, PART)

    def denied(self, missing_ok=False):
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "unlink", denied)
    store.remove(KEY)
    assert "cannot remove" in caplog.text


def test_an_empty_folder_is_removed(tmp_path):
    store = Store(tmp_path / "store")
    store.remove_if_empty()
    with store.in_use():
        store.save(KEY, PART)
    store.remove_if_empty()
    assert same(store.load(KEY), PART)
    store.clear()
    store.remove_if_empty()
    assert files(tmp_path) == []
    with store.in_use():
        assert files(store.folder) == ["lock"]


def test_an_empty_folder_that_a_run_holds_stays_held(tmp_path, caplog):
    store = Store(tmp_path)
    refused = pytest.raises(UsageError, match="in use")
    with Store(tmp_path).in_use(), caplog.at_level(logging.INFO):
        store.remove_if_empty()
        assert "stays" in caplog.text
        with refused, store.in_use():
            pass


def hold(folder, ready, done):
    with Store(folder).in_use():
        ready.set()
        done.wait(20)


def test_a_folder_in_use_is_refused_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready, done))
    other.start()
    assert ready.wait(20)
    with (
        pytest.raises(UsageError, match="in use by another run") as caught,
        Store(tmp_path).in_use(),
    ):
        pass
    assert str(tmp_path) in str(caught.value)
    other.kill()
    other.join()
    with Store(tmp_path).in_use():
        pass


def test_a_folder_in_use_by_the_same_process_is_refused(tmp_path):
    refused = pytest.raises(UsageError, match="in use")
    with Store(tmp_path).in_use(), refused, Store(tmp_path).in_use():
        pass
    with Store(tmp_path).in_use():
        pass


def test_a_folder_that_cannot_be_locked_is_refused(tmp_path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(UsageError, match="cannot lock"), Store(tmp_path).in_use():
        pass


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        Store(tmp_path / "file").save(KEY, PART)


def test_a_full_disk_is_told_of(tmp_path, monkeypatch):
    def full(tensors, path):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(UsageError, match="No space left"):
        Store(tmp_path).save(KEY, PART)
    assert files(tmp_path) == []


def test_a_store_travels_as_its_folder(tmp_path):
    Store(tmp_path).save(KEY, PART)
    store = pickle.loads(pickle.dumps(Store(tmp_path)))
    assert same(store.load(KEY), PART)
