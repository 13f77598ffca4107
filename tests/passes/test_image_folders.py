import pytest
from tests.mapping.examples import folder_of

from seewhy.base.errors import DataError
from seewhy.data.places import open_places
from seewhy.data.records import Failure
from seewhy.passes.image_folders import ImageFolders, refuse_failures
from seewhy.results.seals import SealedEntry, Seals, entry_folder, sealed_files

SEALS = Seals("seal.json", SealedEntry)


@pytest.fixture
def records(tmp_path):
    return open_places([folder_of(tmp_path / "in", 4)]).records


@pytest.fixture
def run(tmp_path, records):
    """Runs a job that writes the number of images looked at together; returns outcomes."""
    looked = []

    def write(taken):
        looked.append([each.id for each in taken])
        return [sealed(tmp_path / "out", each, len(taken)) for each in taken]

    def call(batch_size=2, **options):
        looked.clear()
        (tmp_path / "out").mkdir(exist_ok=True)
        job = ImageFolders(tmp_path / "out", SEALS, options.pop("digest", "a"), write, **options)
        found = list(job.outcomes(records, batch_size=batch_size, name="x", progress=False))
        return found, [list(each) for each in looked]

    return call


def sealed(output, taken, count):
    folder = entry_folder(output, taken.id)
    folder.mkdir(exist_ok=True)
    (folder / "count.txt").write_text(str(count))
    entry = SealedEntry(
        key=taken.key, image=taken.id, width=1, height=1, notes=[],
        files=sealed_files(folder, ["count.txt"]),
    )  # fmt: skip
    SEALS.write(folder, entry)
    return entry


IDS = [f"image {number}.png" for number in range(4)]


def harm(tmp_path, identity):
    (entry_folder(tmp_path / "out", identity) / "count.txt").unlink()


def test_images_are_made_batch_by_batch_and_then_kept(run):
    found, looked = run()
    assert [each.found.image for each in found] == IDS
    assert all(each.is_new for each in found)
    assert looked == [IDS[:2], IDS[2:]]
    again, looked = run()
    assert looked == []
    assert not any(each.is_new for each in again)
    assert [each.found for each in again] == [each.found for each in found]


def test_only_what_is_missing_is_made_again(run, tmp_path):
    run()
    harm(tmp_path, IDS[1])
    found, looked = run()
    assert looked == [[IDS[1]]]
    assert [each.is_new for each in found] == [False, True, False, False]


def test_images_that_decide_each_other_are_made_together(run, tmp_path):
    run(is_joint=True)
    harm(tmp_path, IDS[1])
    assert run(is_joint=True)[1] == [IDS[:2]]
    assert run(is_joint=True)[1] == []
    assert run(is_joint=True, batch_size=4)[1] == [IDS]


def test_another_question_or_another_fact_makes_anew(run):
    run(facts={IDS[0]: "dog"})
    assert run(facts={IDS[0]: "dog"})[1] == []
    assert run(facts={IDS[0]: "cat"})[1] == [[IDS[0]]]
    assert run(digest="b")[1] == [IDS[:2], IDS[2:]]


def test_an_image_that_cannot_be_read_costs_no_other(run, tmp_path):
    (tmp_path / "in" / IDS[2]).write_bytes(b"no image")
    found, looked = run(batch_size=4)
    assert looked == [[IDS[0], IDS[1], IDS[3]]]
    assert [isinstance(each.found, Failure) for each in found] == [False, False, True, False]


def test_too_many_failures_are_refused():
    failures = [Failure("a", "truncated", "ends.")]
    refuse_failures([], used=0, most=0.0)
    refuse_failures(failures, used=3, most=0.25)
    with pytest.raises(DataError, match="1 of 4 images"):
        refuse_failures(failures, used=3, most=0.2)
    with pytest.raises(DataError) as caught:
        refuse_failures(failures, used=0, most=1.0)
    assert caught.value.code == "all_failed"
