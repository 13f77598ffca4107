import pytest
from tests.passes.examples import Sums, same, squares

from seewhy.base.errors import InternalError
from seewhy.passes.loading import load_images
from seewhy.passes.options import PassOptions
from seewhy.passes.shards import shards_of
from seewhy.passes.store import Store
from seewhy.passes.work import at_work


class Forgetful(Store):
    """Loses parts between writing and reading; `times` times."""

    def __init__(self, folder, times):
        super().__init__(folder)
        self.times = times

    def load(self, key):
        if self.times > 0:
            self.times -= 1
            self.remove(key)
        return super().load(key)


def completed(folder, times, job):
    shards = shards_of(squares(4), 2)
    with at_work(job, shards, PassOptions(store=Forgetful(folder, times))) as (work, root):
        work.complete(root)
        return work.result(root)


def test_parts_that_get_lost_on_the_way_are_made_again(tmp_path):
    job = Sums()
    assert same(completed(tmp_path / "a", 1, job), completed(tmp_path / "b", 0, Sums()))
    assert job.seen == [["r0", "r1"], ["r2", "r3"], ["r0", "r1"]]


@pytest.mark.parametrize("times", [6, 1000])
def test_a_disk_that_keeps_losing_them_ends_the_run(tmp_path, times):
    with pytest.raises(InternalError, match="does not give back"):
        completed(tmp_path, times, Sums())


def test_a_result_that_gets_lost_ends_the_run(tmp_path):
    shards = shards_of(squares(1), 1)
    with at_work(Sums(), shards, PassOptions(store=Forgetful(tmp_path, 1))) as (work, root):
        work.complete(root)
        with pytest.raises(InternalError, match="does not give back"):
            work.result(root)


def test_a_leaf_with_loaded_images_is_made_once(tmp_path):
    job = Sums()
    shards = shards_of(squares(3), 3)
    with at_work(job, shards, PassOptions(store=Store(tmp_path))) as (work, root):
        for _ in range(2):
            work.complete_leaf(root, list(load_images(shards[0].records, job.prepare)))
        assert work.result(root).arrays["total"] == 3
    assert len(job.seen) == 1


def test_a_node_stands_for_its_images(tmp_path):
    with at_work(Sums(), shards_of(squares(5), 2), PassOptions()) as (work, root):
        assert work.images(root) == 5
        assert [work.images(child) for child in root.children] == [4, 1]
