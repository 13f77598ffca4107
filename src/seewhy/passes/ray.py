"""The same shards as tasks of Ray, from one machine's cores to a cluster.

Parts lie in the store, which all machines reach, and tasks pass no more than their being done;
so a run whose driver was killed resumes here as it does in one process.
"""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seewhy.base.errors import InternalError, UsageError
from seewhy.data.records import Failure
from seewhy.passes.loading import Loaded, load_images
from seewhy.passes.options import PassOptions
from seewhy.passes.shards import Job, Part, Shard
from seewhy.passes.tree import Node
from seewhy.passes.work import Work, at_work

# A task that kills its worker each time would otherwise be tried for ever.
_RETRIES = 5
_AHEAD_PER_GPU = 2

_held: dict[Path, Work] = {}


def run_on_ray(job: Job, shards: Sequence[Shard], options: PassOptions) -> Part:
    """What a job makes of all shards, on the cluster at `options.address` or a local one.

    A Ray that runs already is used and left running. Where there are GPUs, each shard is read
    and prepared by a task without one. `options.workers` does not count: tasks are the workers.
    """
    ray = _imported()
    with at_work(job, shards, options) as (work, root), _connected(ray, options.address):
        _check_reach(ray, options)
        try:
            with _current(work) as current:
                graph = _Graph(ray, work, current)
                graph.finish(graph.submit(root))
        except ray.exceptions.RayTaskError as error:
            raise _cause(error) from error
        except ray.exceptions.RayError as error:
            raise InternalError(
                f"Ray gave up ({type(error).__name__}: {error}). The parts made so far are kept "
                "where there is a store; run again to resume."
            ) from error
        return work.result(root)


@contextmanager
def _current(work: Work) -> Iterator[Path]:
    """A file without which tasks do nothing.

    It takes the place of cancelling: a Ray that goes on after an error would otherwise go on
    with its tasks, and `ray.cancel` can end the whole process when a task is just finishing.
    """
    current = work.store.folder / f".seewhy-{uuid.uuid4().hex}.run"
    current.touch()
    try:
        yield current
    finally:
        current.unlink(missing_ok=True)


def _imported() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise UsageError("the engine 'ray' needs an extra: pip install 'seewhy[ray]'.") from error
    return ray


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    with _no_usage_reports():
        try:
            ray.init(
                address=address,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"the cluster {address!r}" if address else "Ray"
            raise UsageError(f"cannot reach or start {where}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _no_usage_reports() -> Iterator[None]:
    """Ray sends statistics of its use home unless told not to."""
    name = "RAY_USAGE_STATS_ENABLED"
    found = os.environ.get(name)
    os.environ[name] = "0"
    try:
        yield
    finally:
        if found is None:
            del os.environ[name]
        else:
            os.environ[name] = found


def _check_reach(ray: Any, options: PassOptions) -> None:
    machines = sum(bool(node["Alive"]) for node in ray.nodes())
    if options.store is None and machines > 1:
        raise UsageError(
            f"a run on {machines} machines needs a store: a folder that all of them reach."
        )


def _cause(error: Any) -> Exception:
    """What a task raised, free of Ray's wrapping."""
    if isinstance(error.cause, Exception):
        return error.cause
    return InternalError(f"a task failed: {error}")


@dataclass(frozen=True)
class _Order:
    """What a task has to do, while the file `current` is there.

    The work lies in Ray's store once; a process fetches it when it is new there.
    """

    current: Path
    held_by: tuple[Any, ...]


class _Graph:
    """Tasks whose order is the tree; Ray schedules them."""

    def __init__(self, ray: Any, work: Work, current: Path) -> None:
        self._ray = ray
        self._work = work
        sent = Work(work.job, work.shards, work.store)
        self._order = _Order(current, (ray.put(sent),))
        resources = ray.cluster_resources()
        self._on_gpu = resources.get("GPU", 0) >= 1
        self._ahead = max(_AHEAD_PER_GPU * resources.get("GPU", 0), resources.get("CPU", 1))
        self._pending: dict[Any, Node] = {}

    def submit(self, node: Node) -> list[Any]:
        """The references to wait for until the node's part is in the store."""
        if self._work.store.has(node.key):
            self._work.complete(node)
            return []
        if not node.children:
            return [self._submit_leaf(node)]
        waits = [ref for child in node.children for ref in self.submit(child)]
        return [self._task(complete_node, self._order, node, *waits)]

    def finish(self, refs: Sequence[Any]) -> None:
        """Wait for all, telling how far it is; raises what a task raised as soon as it did."""
        while self._pending:
            self._wait()
        self._ray.get(list(refs))

    def _submit_leaf(self, node: Node) -> Any:
        if not self._on_gpu:
            ref = self._task(complete_node, self._order, node)
        else:
            while len(self._pending) >= self._ahead:
                self._wait()
            loaded = self._task(load_leaf, self._order, node)
            ref = self._task(complete_leaf, self._order, node, loaded, num_cpus=0, num_gpus=1)
        self._pending[ref] = node
        return ref

    def _task(self, function: Any, *arguments: Any, **resources: int) -> Any:
        wanted = {"num_cpus": 1, "max_retries": _RETRIES, "retry_exceptions": False} | resources
        return self._ray.remote(function).options(**wanted).remote(*arguments)

    def _wait(self) -> None:
        (done,), _ = self._ray.wait(list(self._pending), num_returns=1)
        self._ray.get(done)
        self._work.advance(self._work.images(self._pending.pop(done)))


def complete_node(order: _Order, node: Node, *_waits: object) -> None:
    """A task: the node's part, its children being there, or remade where they are damaged."""
    work = _fetched(order)
    if work is not None:
        with _threads():
            work.complete(node)


def load_leaf(order: _Order, node: Node) -> list[Loaded[Any] | Failure]:
    """A task: the prepared images of a shard."""
    work = _fetched(order)
    if work is None:
        return []
    with _threads():
        return list(load_images(work.shards[node.first].records, work.job.prepare))


def complete_leaf(order: _Order, node: Node, loaded: list[Loaded[Any] | Failure]) -> None:
    """A task: the part of a shard whose images are loaded."""
    work = _fetched(order)
    if work is not None:
        with _threads():
            work.complete_leaf(node, loaded)


def _fetched(order: _Order) -> Work | None:
    """The work, kept in this process until there is another; None when the run is over."""
    if not order.current.exists():
        return None
    if order.current not in _held:
        _held.clear()
        _held[order.current] = _imported().get(order.held_by[0])
    return _held[order.current]


@contextmanager
def _threads() -> Iterator[None]:
    """As many threads as Ray has assigned processors."""
    import torch

    found = torch.get_num_threads()
    assigned = _imported().get_runtime_context().get_assigned_resources().get("CPU", 1)
    torch.set_num_threads(max(1, int(assigned)))
    try:
        yield
    finally:
        torch.set_num_threads(found)
