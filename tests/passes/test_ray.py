"""The same jobs on a Ray of this machine; kept to few starts, each of which takes seconds."""

import os
import sys
import tempfile
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from tests.passes.examples import KillOnce, Raise, Sums, record, same, squares

from seewhy.base.errors import DataError, InternalError, UsageError
from seewhy.passes import ray as module
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.passes.shards import shards_of
from seewhy.passes.store import Store
from seewhy.passes.tree import Node
from seewhy.passes.work import Work

ray = pytest.importorskip("ray")


def run(job, records, store=None, engine="ray", **options):
    return run_job(job, records, PassOptions(shard_images=2, store=store, engine=engine, **options))


def test_a_ray_of_its_own_is_shut_down():
    assert not ray.is_initialized()
    assert same(run(Sums(), squares(3)), run(Sums(), squares(3), engine="local"))
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def started():
    """A Ray with two processors and something that it takes for a GPU."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
    yield
    assert ray.is_initialized()
    ray.shutdown()


@pytest.fixture
def processors(started, monkeypatch):
    """The same without the GPU being seen."""
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})


@pytest.fixture(params=["processors", "gpu"])
def cluster(request):
    """Each kind of Ray."""
    request.getfixturevalue("processors" if request.param == "processors" else "started")


@pytest.mark.parametrize("images", [1, 2, 9])
def test_the_result_is_that_of_one_process(cluster, tmp_path, images):
    records = squares(images, cut=(3,))
    alone = run(Sums(), records, engine="local")
    assert same(run(Sums(), records, Store(tmp_path)), alone)
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_without_a_store_nothing_is_left(processors, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert same(run(Sums(), squares(5)), run(Sums(), squares(5), engine="local"))
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_is_killed_changes_nothing(cluster, tmp_path):
    job = Sums(before=KillOnce("r4", tmp_path / "killed"))
    part = run(job, squares(9), Store(tmp_path / "store"))
    assert (tmp_path / "killed").exists()
    assert same(part, run(Sums(), squares(9), engine="local"))


@dataclass(frozen=True)
class Kill:
    """Kills the process each time."""

    def __call__(self, _ids):
        os.kill(os.getpid(), 9)


def test_a_job_that_always_kills_its_worker_ends_the_run(processors, monkeypatch):
    monkeypatch.setattr(module, "_RETRIES", 1)
    with pytest.raises(InternalError, match=r"Ray gave up.*run again to resume"):
        run(Sums(before=Kill()), squares(2))


@pytest.mark.parametrize(
    "error", [UsageError("too tall"), DataError("bad", "too tall"), ValueError("too tall")]
)
def test_errors_of_the_job_come_through_as_they_are(cluster, tmp_path, error):
    with pytest.raises(type(error), match=r"^too tall$") as caught:
        run(Sums(before=Raise("r4", error)), squares(7), Store(tmp_path))
    assert type(caught.value) is type(error)
    assert getattr(caught.value, "code", None) == getattr(error, "code", None)


def test_errors_of_reading_come_through(processors):
    with pytest.raises(TypeError, match="bug"):
        run(Sums(), [record(1), record(2, TypeError("bug"))])


def test_what_was_made_before_an_error_is_used(processors, tmp_path):
    records = squares(8)
    with pytest.raises(UsageError):
        run(Sums(before=Raise("r4", UsageError("x"))), records, Store(tmp_path), engine="local")
    # A job that raises on the first four images shows that they are not run again.
    job = Sums(before=Raise("r0", UsageError("again")))
    assert same(run(job, records, Store(tmp_path)), run(Sums(), records, engine="local"))
    assert same(run(job, records, Store(tmp_path)), run(Sums(), records, engine="local"))


def test_the_bar_counts_all_images(cluster, monkeypatch, capsys):
    monkeypatch.setattr("tqdm.std.time", count(0, 3).__next__)
    run(Sums(), squares(9), progress=True)
    assert "9/9" in capsys.readouterr().err


def test_a_second_run_in_the_same_folder_is_refused(processors, tmp_path):
    with Store(tmp_path).in_use(), pytest.raises(UsageError, match="in use"):
        run(Sums(), squares(2), Store(tmp_path))


def test_several_machines_need_a_store(processors, monkeypatch):
    nodes = [{"Alive": True}, {"Alive": True}, {"Alive": False}]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    with pytest.raises(UsageError, match="2 machines needs a store"):
        run(Sums(), squares(2))


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """The tasks called in this process, with a stand-in for Ray's own functions."""
    work = Work(Sums(), shards_of(squares(4), 2), Store(tmp_path))
    context = SimpleNamespace(get_assigned_resources=lambda: {"CPU": 3.0})
    fetched = []
    monkeypatch.setattr(
        module,
        "_imported",
        lambda: SimpleNamespace(
            get=lambda ref: fetched.append(ref) or work, get_runtime_context=lambda: context
        ),
    )
    monkeypatch.setattr(module, "_held", {tmp_path / "before": work})
    return work, fetched


def test_the_tasks_do_what_one_process_does(alone, tmp_path):
    work, fetched = alone
    left, right = Node("a" * 64, 0, 1), Node("b" * 64, 1, 2)
    root = Node("c" * 64, 0, 2, (left, right))
    with module._current(work) as current:
        order = module._Order(current, ("ref",))
        module.complete_node(order, left)
        module.complete_leaf(order, right, module.load_leaf(order, right))
        module.complete_node(order, root, None, None)
    clean = run_job(Sums(), squares(4), PassOptions(shard_images=2))
    assert same(work.result(root), clean)
    assert fetched == ["ref"]
    assert list(module._held) == [current]
    assert not work.store.has(left.key)


def test_the_tasks_of_a_run_that_is_over_do_nothing(alone, tmp_path):
    work, fetched = alone
    leaf = Node("a" * 64, 0, 1)
    with module._current(work) as current:
        order = module._Order(current, ("ref",))
    module.complete_node(order, leaf)
    assert module.load_leaf(order, leaf) == []
    module.complete_leaf(order, leaf, [])
    assert list(tmp_path.iterdir()) == []
    assert fetched == []


def test_a_task_uses_the_processors_that_it_was_given(alone):
    before = torch.get_num_threads()
    with module._threads():
        assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


def test_a_data_error_survives_pickling():
    import pickle

    error = pickle.loads(pickle.dumps(DataError("code", "message")))
    assert (error.code, str(error)) == ("code", "message")


@pytest.mark.parametrize("given", [None, "1"])
def test_usage_is_not_reported_and_the_environment_is_left(monkeypatch, given):
    name = "RAY_USAGE_STATS_ENABLED"
    monkeypatch.delenv(name, raising=False)
    if given is not None:
        monkeypatch.setenv(name, given)
    with module._no_usage_reports():
        assert os.environ[name] == "0"
    assert os.environ.get(name) == given


@pytest.mark.parametrize("address", [None, "nowhere:1"])
def test_a_ray_that_cannot_be_reached_is_told_of(address):
    def init(**settings):
        assert settings["address"] == address
        raise ConnectionError("no answer")

    absent = SimpleNamespace(is_initialized=lambda: False, init=init)
    refused = pytest.raises(UsageError, match=r"cannot reach or start.*no answer")
    with refused, module._connected(absent, address):
        pass


def test_a_failure_without_a_cause_is_told_of():
    error = module._cause(SimpleNamespace(cause=None))
    assert isinstance(error, InternalError)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'seewhy\[ray\]'"):
        run(Sums(), squares(1))
