import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.data.hostile import build_hostile_folder, encoded
from tests.passes.examples import brightness, record, squares

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import read_image
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import open_source
from seewhy.passes.loading import load_images
from seewhy.passes.runner import Batch, PassResult, run_batches


def doubled(ids, items):
    assert [f"r{item}" for item in items] == list(ids)
    return [2 * item for item in items]


def run(records, function=doubled, *, batch_size, prepare=brightness, workers=0):
    loaded = load_images(records, prepare, workers=workers)
    return run_batches(loaded, function, batch_size=batch_size)


def flat(result):
    return [value for output in result.outputs for value in output]


def codes(result):
    return [(failure.id, failure.code) for failure in result.failures]


def check_aligned(good, batch_size, workers):
    cut = [number for number, fine in enumerate(good) if not fine]
    result = run(squares(len(good), cut), batch_size=batch_size, workers=workers)
    used = [number for number, fine in enumerate(good) if fine]
    assert result.ids == tuple(f"r{number}" for number in used)
    assert flat(result) == [2 * number for number in used]
    assert codes(result) == [(f"r{number}", "cut") for number in cut]
    sizes = [len(batch.ids) for batch in result.batches]
    assert all(size == batch_size for size in sizes[:-1])
    assert all(0 < size <= batch_size for size in sizes)


@given(good=st.lists(st.booleans(), max_size=25), batch_size=st.integers(1, 30))
def test_ids_outputs_and_failures_stay_aligned(good, batch_size):
    check_aligned(good, batch_size, 0)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 4, 30])
def test_they_stay_aligned_when_other_processes_read(batch_size, workers):
    check_aligned([n % 5 != 2 for n in range(18)], batch_size, workers)


@pytest.mark.parametrize("error", [ValueError("bug"), OSError("disk"), RuntimeError("model")])
def test_errors_of_the_function_end_the_pass(error):
    def broken(ids, items):
        raise error

    with pytest.raises(type(error)):
        run(squares(20), broken, batch_size=2)


def test_data_errors_of_the_function_are_traced_to_their_records():
    def picky(ids, items):
        if 3 in items or 4 in items:
            raise DataError("non_finite", f"{len(ids)}")
        return doubled(ids, items)

    result = run(squares(8, cut=[5]), picky, batch_size=4)
    assert flat(result) == [0, 2, 4, 12, 14]
    assert codes(result) == [("r3", "non_finite"), ("r4", "non_finite"), ("r5", "cut")]
    assert result.failures[0].message == "1"
    assert len(result.ids) == len(flat(result))


def test_failures_are_in_the_order_of_the_records_whatever_they_are():
    def picky(ids, items):
        raise DataError("non_finite", "x")

    result = run(squares(9, cut=[1, 4, 8]), picky, batch_size=6)
    assert [failure.id for failure in result.failures] == [f"r{number}" for number in range(9)]
    assert result.batches == ()


def test_the_function_sees_a_batch_before_the_next_is_read():
    taken = []

    def loaded():
        for outcome in load_images(squares(6), brightness):
            taken.append(outcome.id)
            yield outcome

    seen = run_batches(loaded(), lambda _ids, _items: len(taken), batch_size=2)
    assert seen.outputs == (2, 4, 6)


def test_notes_are_kept_by_id():
    tiny = ImageRecord("tiny", lambda: read_image(encoded(Image.new("RGB", (1, 1)), "PNG")))
    result = run([tiny, record(3)], lambda ids, _: ids, batch_size=2)
    assert dict(result.notes) == {"tiny": ("degenerate",)}


@pytest.mark.parametrize("batch_size", [0, -1])
def test_senseless_batches_are_refused(batch_size):
    with pytest.raises(UsageError, match="at least 1"):
        run([record(1)], batch_size=batch_size)


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
    records = open_source(folder.root).records
    result = run(records, lambda ids, _: ids, batch_size=7, prepare=lambda _i, image: image.size)
    assert dict(codes(result)) == folder.unusable
    assert set(result.ids) == set(folder.fine)
    assert dict(result.notes) == {name: notes for name, notes in folder.fine.items() if notes}
