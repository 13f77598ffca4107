import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile
from tests.data.hostile import build_hostile_folder, encoded, photograph
from tests.passes.examples import brightness, grey, record, squares

from seewhy.base.errors import DataError, InternalError, UsageError
from seewhy.data.images import DEFAULT_POLICY, read_image
from seewhy.data.listing import FileImage
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import open_source
from seewhy.passes import loading
from seewhy.passes.loading import Loaded, load_images


def children():
    return {child.pid for child in multiprocessing.active_children()}


@given(good=st.lists(st.booleans(), min_size=0, max_size=25))
def test_records_come_in_order_loaded_or_failed(good):
    cut = [number for number, fine in enumerate(good) if not fine]
    outcomes = list(load_images(squares(len(good), cut), brightness))
    assert outcomes == [
        Loaded(f"r{n}", n) if fine else Failure(f"r{n}", "cut", "x") for n, fine in enumerate(good)
    ]


@pytest.mark.parametrize("workers", [1, 3, 30])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_processes_that_read_ahead_change_nothing(workers, count):
    records = squares(count, cut=(0, 5, 6, 19))
    alone = list(load_images(records, brightness))
    assert list(load_images(records, brightness, workers=workers)) == alone
    assert not children()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("truncated", "x"), "truncated"),
        (OSError("x"), "unreadable"),
        (ValueError("x"), "unreadable"),
    ],
)
def test_a_record_that_cannot_be_read_fails_alone(error, code, workers):
    records = [record(1), record(2, error), record(3)]
    first, failure, third = load_images(records, brightness, workers=workers)
    assert (first.item, third.item) == (1, 3)
    assert (failure.id, failure.code) == ("r2", code)
    assert "x" in failure.message


@pytest.mark.parametrize("workers", [0, 2])
def test_a_record_that_cannot_be_prepared_fails_alone(workers):
    def odd_only(identity, image):
        if brightness(identity, image) % 2 == 0:
            raise DataError("even", identity)
        return identity

    outcomes = list(load_images(squares(4), odd_only, workers=workers))
    assert [getattr(outcome, "item", None) for outcome in outcomes] == [None, "r1", None, "r3"]
    assert outcomes[2] == Failure("r2", "even", "r2")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [TypeError("bug"), UsageError("bug"), KeyboardInterrupt("bug")])
def test_other_errors_of_reading_end_it(workers, error):
    loaded = load_images([record(1), record(2, error), record(3)], workers=workers)
    assert next(loaded).id == "r1"
    with pytest.raises(type(error), match="bug") as caught:
        next(loaded)
    assert not children()
    if workers:
        assert "in __call__" in caught.value.__notes__[0]


def test_errors_of_preparing_that_are_no_data_errors_end_it():
    def broken(_identity, _image):
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        list(load_images([record(1)], broken))


class ParticularError(Exception):
    """Cannot be built again from its message."""

    def __init__(self, first, second):
        super().__init__(first + second)


def test_an_error_unfit_for_travel_is_told_of():
    records = [record(1, ParticularError("this", "that"))]
    with pytest.raises(InternalError, match="'r1' raised ParticularError: thisthat"):
        list(load_images(records, workers=1))


def test_an_item_unfit_for_travel_is_told_of():
    with pytest.raises(UsageError, match=r"'r1' cannot be sent.*workers=0"):
        list(load_images([record(1)], lambda _i, _m: lambda: 1, workers=1))


def test_without_prepare_the_items_are_the_images():
    for workers in (0, 1):
        (loaded,) = load_images([record(7)], workers=workers)
        assert loaded.item.tobytes() == grey(7).tobytes()


TENSORS = [
    torch.arange(6, dtype=torch.float32).reshape(2, 3).T,
    torch.tensor(2.5, dtype=torch.bfloat16),
    torch.zeros(0, 3, dtype=torch.int64),
    torch.tensor([True, False]),
    torch.tensor([1 + 2j]),
    torch.ones(2, requires_grad=True) * 2,
]


def test_tensors_travel_within_their_items():
    def prepare(_identity, _image):
        return {"all": TENSORS, "array": np.arange(3), "text": "x"}

    (loaded,) = load_images([record(1)], prepare, workers=1)
    for sent, came in zip(TENSORS, loaded.item["all"], strict=True):
        assert came.dtype == sent.dtype
        assert came.shape == sent.shape
        assert torch.equal(came, sent.detach())
        assert not came.is_shared()
        came.zero_()
    assert loaded.item["array"].tolist() == [0, 1, 2]


def test_many_tensors_in_hand_do_not_use_up_the_open_files():
    def prepare(_identity, _image):
        return [torch.zeros(1) for _ in range(100)]

    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("the open files of a process are listed in /proc")
    before = len(list(open_files.iterdir()))
    loaded = load_images(squares(10), prepare, workers=1)
    held = [next(loaded) for _ in range(9)]
    assert len(list(open_files.iterdir())) < before + 50
    assert len(held) == 9
    loaded.close()


def test_each_record_is_read_once_and_not_far_ahead():
    reads = multiprocessing.get_context("fork").Value("i", 0)

    def read(number):
        with reads.get_lock():
            reads.value += 1
        return grey(number)

    records = [ImageRecord(str(number), partial(read, number)) for number in range(40)]
    seen = [reads.value - number for number, _ in enumerate(load_images(records, workers=2))]
    assert reads.value == 40
    assert max(seen) <= 2 * 2 + 1


def test_processes_read_at_the_same_time():
    meeting = multiprocessing.get_context("fork").Barrier(3)

    def read():
        meeting.wait(timeout=20)
        return grey(1)

    records = [ImageRecord(str(number), read) for number in range(6)]
    assert all(isinstance(outcome, Loaded) for outcome in load_images(records, workers=3))


def test_reading_processes_use_one_thread():
    (loaded,) = load_images([record(1)], lambda _i, _m: torch.get_num_threads(), workers=1)
    assert loaded.item == 1


def test_stopping_early_stops_the_processes():
    loaded = load_images(squares(50), brightness, workers=2)
    assert next(loaded).item == 0
    assert len(children()) == 2
    loaded.close()
    assert not children()


def test_a_process_that_dies_is_told_of_with_what_it_had():
    def prepare(identity, _image):
        if identity == "r5":
            os.kill(os.getpid(), signal.SIGKILL)
        return identity

    loaded = load_images(squares(20), prepare, workers=2)
    started = time.monotonic()
    with pytest.raises(InternalError, match="'r5'") as caught:
        list(loaded)
    assert time.monotonic() - started < 60
    assert "'r1'" not in str(caught.value)
    assert "workers=0" in str(caught.value)
    assert not children()


def test_a_process_that_dies_does_not_interrupt_the_caller():
    loaded = load_images(squares(20), brightness, workers=1)
    next(loaded)
    (child,) = multiprocessing.active_children()
    os.kill(child.pid, signal.SIGKILL)
    time.sleep(0.2)
    with pytest.raises(InternalError):
        list(loaded)


def test_chance_and_signals_are_left_as_found():
    torch.manual_seed(5)
    state, handler = torch.get_rng_state(), signal.getsignal(signal.SIGCHLD)
    list(load_images(squares(3), workers=2))
    assert torch.equal(torch.get_rng_state(), state)
    assert signal.getsignal(signal.SIGCHLD) is handler


def test_notes_are_kept():
    tiny = ImageRecord("tiny", lambda: read_image(encoded(Image.new("RGB", (1, 1)), "PNG")))
    for workers in (0, 1):
        first, second = load_images([tiny, record(3)], workers=workers)
        assert (first.notes, second.notes) == (("degenerate",), ())


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(UsageError, match="0 or more"):
        load_images([record(1)], workers=-1)


def test_without_fork_records_have_to_be_fit_for_travel(monkeypatch, tmp_path):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    path = tmp_path / "a.png"
    grey(9).save(path)
    files = [ImageRecord(name, FileImage(path, DEFAULT_POLICY)) for name in "ab"]
    outcomes = list(load_images(files, workers=1))
    assert [outcome.item.getpixel((0, 0))[0] for outcome in outcomes] == [9, 9]
    with pytest.raises(UsageError, match=r"cannot be sent.*workers=0"):
        next(load_images([ImageRecord("x", lambda: grey(1))], workers=1))
    assert not children()


def test_the_hostile_folder_loads_to_the_end(tmp_path):
    folder = build_hostile_folder(tmp_path)
    records = open_source(folder.root).records

    def mean(_identity, image):
        return float(np.asarray(image).mean())

    alone, ahead = (list(load_images(records, mean, workers=workers)) for workers in (0, 3))
    assert alone == ahead
    failures = {o.id: o.code for o in alone if isinstance(o, Failure)}
    fine = {o.id: o for o in alone if isinstance(o, Loaded)}
    assert failures == folder.unusable
    assert {name: loaded.notes for name, loaded in fine.items()} == folder.fine
    assert fine["photo.jpg"].item == fine["copy of photo.jpeg"].item


@pytest.mark.parametrize("workers", [0, 2])
def test_pillow_is_strict_and_left_as_found(monkeypatch, workers):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    cut = encoded(photograph(), "JPEG")[:-30]
    (failure,) = load_images([ImageRecord("cut", lambda: read_image(cut))], workers=workers)
    assert failure.code == "truncated"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


ORPHANS = """
import os, signal
from tests.passes.examples import brightness, squares
from seewhy.passes.loading import load_images

loaded = load_images(squares(9), brightness, workers=2)
next(loaded)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_processes_do_not_outlive_a_parent_that_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(ORPHANS)
    # Whoever lives on holds the pipe open, and this would wait for its end.
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


# What follows happens in other processes above; here it is looked at in this one.


def opened(records, prepare=brightness, at=0):
    return loading._opened(loading._Reading(records, prepare)[at])


def test_a_parcel_holds_what_was_loaded():
    records = squares(3, cut=(1,))
    assert len(loading._Reading(records, brightness)) == 3
    assert [opened(records, at=at) for at in range(3)] == list(load_images(records, brightness))


def test_a_parcel_holds_tensors():
    loaded = opened([record(1)], lambda _i, _m: TENSORS)
    for sent, came in zip(TENSORS, loaded.item, strict=True):
        assert came.dtype == sent.dtype
        assert torch.equal(came, sent.detach())


@pytest.mark.parametrize(
    ("error", "kind"),
    [(KeyboardInterrupt("bug"), KeyboardInterrupt), (ParticularError("b", "ug"), InternalError)],
)
def test_a_parcel_holds_what_was_raised(error, kind):
    fault = opened([record(1, error)]).error
    assert type(fault) is kind
    assert "bug" in str(fault)


def test_a_parcel_tells_of_an_item_unfit_for_travel():
    fault = opened([record(1)], lambda _i, _m: lambda: 1).error
    assert isinstance(fault, UsageError)


def test_a_process_leaves_when_its_parent_has_another_number(monkeypatch):
    left = threading.Event()
    monkeypatch.setattr(loading, "_WATCH_SECONDS", 0.01)
    monkeypatch.setattr(os, "kill", lambda pid, _signal: left.set() if pid == os.getpid() else None)
    parents = iter([7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    loading._leave_with(7, 0)
    assert left.wait(10)


def test_signals_are_left_alone_outside_the_main_thread():
    with ThreadPoolExecutor(1) as pool:
        outcomes = pool.submit(lambda: list(load_images(squares(2), brightness, workers=1)))
    assert [outcome.item for outcome in outcomes.result()] == [0, 1]
