import sys
import threading
from functools import partial
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile
from tests.data.hostile import build_hostile_folder, encoded, photograph

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import read_image
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import open_source
from seewhy.passes.runner import Batch, PassResult, run_pass


def grey(value):
    return Image.new("RGB", (2, 2), (value, value, value))


def brightness(image):
    return image.getpixel((0, 0))[0]


def record(number, error=None):
    def read():
        if error is not None:
            raise error
        return grey(number)

    return ImageRecord(f"r{number}", read)


def doubled(ids, items):
    assert [f"r{item}" for item in items] == list(ids)
    return [2 * item for item in items]


def flat(result):
    return [value for output in result.outputs for value in output]


def codes(result):
    return [(failure.id, failure.code) for failure in result.failures]


@given(
    good=st.lists(st.booleans(), min_size=1, max_size=25),
    batch_size=st.integers(1, 30),
    workers=st.integers(0, 3),
)
def test_ids_outputs_and_failures_stay_aligned(good, batch_size, workers):
    records = [record(n, None if fine else DataError("cut", "x")) for n, fine in enumerate(good)]
    result = run_pass(records, doubled, batch_size=batch_size, prepare=brightness, workers=workers)
    used = [number for number, fine in enumerate(good) if fine]
    assert result.ids == tuple(f"r{number}" for number in used)
    assert flat(result) == [2 * number for number in used]
    assert codes(result) == [(f"r{n}", "cut") for n, fine in enumerate(good) if not fine]
    sizes = [len(batch.ids) for batch in result.batches]
    assert all(size == batch_size for size in sizes[:-1])
    assert all(0 < size <= batch_size for size in sizes)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("truncated", "x"), "truncated"),
        (OSError("x"), "unreadable"),
        (ValueError("x"), "unreadable"),
    ],
)
def test_a_record_that_cannot_be_read_fails_alone(error, code):
    result = run_pass([record(1), record(2, error), record(3)], doubled, batch_size=2,
                      prepare=brightness)  # fmt: skip
    assert flat(result) == [2, 6]
    assert codes(result) == [("r2", code)]
    assert "x" in result.failures[0].message


def test_without_prepare_the_function_gets_the_images():
    result = run_pass([record(7)], lambda _, images: [i.size for i in images], batch_size=1)
    assert result.outputs == ([(2, 2)],)


def test_a_record_that_cannot_be_prepared_fails_alone():
    def odd_only(image):
        if brightness(image) % 2 == 0:
            raise DataError("even", "x")
        return brightness(image)

    result = run_pass([record(n) for n in range(4)], doubled, batch_size=9, prepare=odd_only)
    assert flat(result) == [2, 6]
    assert codes(result) == [("r0", "even"), ("r2", "even")]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [TypeError("bug"), UsageError("x"), KeyboardInterrupt()])
def test_other_errors_of_reading_end_the_pass(workers, error):
    with pytest.raises(type(error)):
        run_pass([record(1), record(2, error)], doubled, batch_size=1, prepare=brightness,
                 workers=workers)  # fmt: skip


def test_errors_of_preparing_that_are_no_data_errors_end_the_pass():
    def broken(image):
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        run_pass([record(1)], doubled, batch_size=1, prepare=broken)


@pytest.mark.parametrize("error", [ValueError("bug"), OSError("disk"), RuntimeError("model")])
@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_the_function_end_the_pass(error, workers):
    def broken(ids, items):
        raise error

    threads = threading.active_count()
    with pytest.raises(type(error)):
        run_pass([record(n) for n in range(20)], broken, batch_size=2, workers=workers)
    assert threading.active_count() == threads


def test_data_errors_of_the_function_are_traced_to_their_records():
    def picky(ids, items):
        if 3 in items or 4 in items:
            raise DataError("non_finite", f"{len(ids)}")
        return doubled(ids, items)

    records = [record(n, DataError("cut", "x") if n == 5 else None) for n in range(8)]
    result = run_pass(records, picky, batch_size=4, prepare=brightness)
    assert flat(result) == [0, 2, 4, 12, 14]
    assert codes(result) == [("r3", "non_finite"), ("r4", "non_finite"), ("r5", "cut")]
    assert result.failures[0].message == "1"
    assert len(result.ids) == len(flat(result))


def test_each_record_is_read_once_and_not_far_ahead():
    reads, seen = [], []

    def read(number):
        reads.append(number)
        return grey(number)

    def function(ids, items):
        seen.append(len(reads))
        return ids

    records = [ImageRecord(str(number), partial(read, number)) for number in range(40)]
    run_pass(records, function, batch_size=4, workers=2)
    assert sorted(reads) == list(range(40))
    assert max(count - 4 * (index + 1) for index, count in enumerate(seen)) <= 2 * 2 + 1


def test_workers_read_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)

    def read():
        meeting.wait()
        return grey(1)

    records = [ImageRecord(str(number), read) for number in range(6)]
    assert len(run_pass(records, lambda ids, _: ids, batch_size=6, workers=3).ids) == 6


def test_notes_are_kept_by_id():
    tiny = ImageRecord("tiny", lambda: read_image(encoded(Image.new("RGB", (1, 1)), "PNG")))
    result = run_pass([tiny, record(3)], lambda ids, _: ids, batch_size=2)
    assert dict(result.notes) == {"tiny": ("degenerate",)}


@pytest.mark.parametrize(("batch_size", "workers"), [(0, 0), (-1, 0), (1, -1)])
def test_senseless_settings_are_refused(batch_size, workers):
    with pytest.raises(UsageError, match="at least 1"):
        run_pass([record(1)], doubled, batch_size=batch_size, workers=workers)


def test_nothing_to_run_on_is_refused():
    with pytest.raises(UsageError, match="no images"):
        run_pass([], doubled, batch_size=1)


def result_with(used, failed):
    failures = tuple(Failure(f"f{number}", "cut", "it is cut.") for number in range(failed))
    return PassResult((Batch(tuple(f"u{n}" for n in range(used)), None),), failures)


@pytest.mark.parametrize(
    ("used", "failed", "allowed", "passes"),
    [
        (99, 1, 0.01, True),
        (98, 1, 0.01, False),
        (98, 2, 0.01, False),
        (1, 9, 0.9, True),
        (5, 0, 0.0, True),
        (5, 1, 0.0, False),
        (0, 3, 1.0, False),
        (1, 3, 1.0, True),
    ],
)
def test_the_share_of_failures_decides(used, failed, allowed, passes):
    result = result_with(used, failed)
    if passes:
        result.check(allowed)
        return
    with pytest.raises(DataError, match=f"{failed} of {used + failed}.*'f0', cut") as caught:
        result.check(allowed)
    assert caught.value.code == "too_many_failures"
    assert len(result.ids) == used


def test_one_percent_is_allowed_by_default():
    result_with(99, 1).check()
    with pytest.raises(DataError):
        result_with(97, 2).check()


def test_the_hostile_folder_runs_to_the_end(tmp_path):
    folder = build_hostile_folder(tmp_path)
    source = open_source(folder.root)
    runs = [
        run_pass(
            source.records,
            lambda ids, items: dict(zip(ids, items, strict=True)),
            batch_size=batch_size,
            prepare=lambda image: np.asarray(image).mean(),
            workers=workers,
        )
        for batch_size, workers in ((7, 0), (64, 3))
    ]
    for result in runs:
        assert dict(codes(result)) == folder.unusable
        assert set(result.ids) == set(folder.fine)
        assert dict(result.notes) == {name: notes for name, notes in folder.fine.items() if notes}
    first, second = ({k: v for output in run.outputs for k, v in output.items()} for run in runs)
    assert first == second
    assert first["photo.jpg"] == first["copy of photo.jpeg"]


def test_pillow_is_left_as_found(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    cut = encoded(photograph(), "JPEG")[:-30]
    result = run_pass(
        [ImageRecord("cut", lambda: read_image(cut))], lambda ids, _: ids, batch_size=1, workers=2
    )
    assert codes(result) == [("cut", "truncated")]
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize(
    ("terminal", "progress", "shown"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_long_runs_show_a_bar_on_a_terminal(monkeypatch, capsys, terminal, progress, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("tqdm.std.time", count(0, 3).__next__)
    run_pass([record(n) for n in range(20)], doubled, batch_size=3, prepare=brightness,
             progress=progress)  # fmt: skip
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("20/20" in captured.err) == shown


def test_short_runs_are_silent(capsys):
    run_pass([record(1)], doubled, batch_size=1, prepare=brightness, progress=True)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_program_without_standard_error_still_runs(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert run_pass([record(1)], doubled, batch_size=1, prepare=brightness).ids == ("r1",)
