"""A job at work on a store: what is there is used, what is missing is made."""

import hashlib
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from seewhy.base.errors import InternalError
from seewhy.data.records import Failure
from seewhy.passes.loading import Loaded, load_images
from seewhy.passes.options import PassOptions
from seewhy.passes.shards import Job, Part, Shard, shard_key
from seewhy.passes.store import Store
from seewhy.passes.tree import Node, tree_of

_ATTEMPTS = 3


def ignore(_images: int) -> None:
    """Tell nobody how many images are done."""


@dataclass(frozen=True)
class Work:
    """A job, its shards, and where the parts lie; `advance` is told how many images are done."""

    job: Job
    shards: Sequence[Shard]
    store: Store
    workers: int = 0
    advance: Callable[[int], object] = ignore

    def images(self, node: Node) -> int:
        """How many records the node stands for."""
        return sum(len(shard.records) for shard in self.shards[node.first : node.end])

    def complete(self, node: Node) -> None:
        """See to it that the node's part is in the store, and its children's no more."""
        if self.store.has(node.key):
            self.advance(self.images(node))
        elif node.children:
            self.store.save(node.key, self._merged(node))
        else:
            self.store.save(node.key, self._shard_part(self.shards[node.first]))
        # A run may have been killed between saving a part and this.
        for child in node.children:
            self.store.remove(child.key)

    def complete_leaf(self, node: Node, loaded: Iterable[Loaded[Any] | Failure]) -> None:
        """The same for one shard whose images are loaded already."""
        if not self.store.has(node.key):
            self.store.save(node.key, self.job.run(loaded))

    def result(self, root: Node) -> Part:
        """The part of a completed node."""
        part = self.store.load(root.key)
        if part is None:
            raise _unreliable(self.store)
        return part

    def _merged(self, node: Node) -> Part:
        for _ in range(_ATTEMPTS):
            for child in node.children:
                self.complete(child)
            first, second = (self.store.load(child.key) for child in node.children)
            if first is not None and second is not None:
                return self.job.merge(first, second)
        raise _unreliable(self.store)

    def _shard_part(self, shard: Shard) -> Part:
        images = load_images(shard.records, self.job.prepare, workers=self.workers)
        with closing(images):
            return self.job.run(_told(images, self.advance))


def _told(
    images: Iterable[Loaded[Any] | Failure], advance: Callable[[int], object]
) -> Generator[Loaded[Any] | Failure, None, None]:
    for outcome in images:
        yield outcome
        advance(1)


def without_store(job: Job, shard: Shard, options: PassOptions) -> Part:
    """The part of the only shard of a run that keeps nothing."""
    images = load_images(shard.records, job.prepare, workers=options.workers)
    with _bar(job, len(shard.records), shown=options.progress) as bar, closing(images):
        return job.run(_told(images, bar.update))


@contextmanager
def at_work(job: Job, shards: Sequence[Shard], options: PassOptions) -> Iterator[tuple[Work, Node]]:
    """A job with its store held and its bar shown, and the root of its tree.

    Without a store a temporary folder takes its place; there nothing can be found again, so its
    keys are only numbers and no image is read for them.
    """
    total = sum(len(shard.records) for shard in shards)
    with _opened(options.store) as store, _bar(job, total, shown=options.progress) as bar:
        if options.store is None:
            keys = [hashlib.sha256(f"{shard.number}".encode()).hexdigest() for shard in shards]
        else:
            job_key = job.key()
            keys = [shard_key(job_key, shard) for shard in shards]
        yield Work(job, shards, store, options.workers, bar.update), tree_of(keys)


@contextmanager
def _opened(store: Store | None) -> Iterator[Store]:
    if store is not None:
        with store.in_use():
            yield store
        return
    with TemporaryDirectory(prefix="seewhy-", ignore_cleanup_errors=True) as folder:
        yield Store(Path(folder))


def _bar(job: Job, total: int, *, shown: bool) -> Any:
    # The delay keeps runs of less than two seconds silent.
    hidden = not shown or sys.stderr is None
    return tqdm(total=total, desc=job.name, unit="image", delay=2, disable=hidden)


def _unreliable(store: Store) -> InternalError:
    return InternalError(
        f"{store.folder} does not give back what was written to it. Check the disk, or name "
        "another folder."
    )
