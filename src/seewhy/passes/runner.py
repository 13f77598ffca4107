"""One function over a whole data source, image by image read once, batch by batch computed."""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from PIL import Image
from tqdm import tqdm

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import NOTES_KEY, strict_pillow
from seewhy.data.records import Failure, ImageRecord

Item = TypeVar("Item")
Output = TypeVar("Output")

_READ_AHEAD = 2


@dataclass(frozen=True)
class Batch(Generic[Output]):
    """What the function returned for these records."""

    ids: tuple[str, ...]
    output: Output


@dataclass(frozen=True)
class PassResult(Generic[Output]):
    """All that a pass computed, in the order of the records, and what it could not use.

    `notes` maps the id of an image to the slugs of decisions made while reading it.
    """

    batches: tuple[Batch[Output], ...]
    failures: tuple[Failure, ...] = ()
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """The records that are in the outputs, in order."""
        return tuple(identity for batch in self.batches for identity in batch.ids)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """One output per batch, in order."""
        return tuple(batch.output for batch in self.batches)

    def check(self, max_failures: float = 0.01) -> None:
        """Raise `too_many_failures` above this share of records, and always when all failed.

        The result stays complete: save it and its failures before or after.
        """
        failed, used = len(self.failures), len(self.ids)
        if failed == 0 or (used > 0 and failed <= max_failures * (failed + used)):
            return
        first = self.failures[0]
        raise DataError(
            "too_many_failures",
            f"{failed} of {failed + used} images cannot be used; allowed are {max_failures:.1%}. "
            f"The first: {first.id!r}, {first.code}: {first.message} "
            "Mend or leave out the images, or allow more failures.",
        )


def keep_image(image: Image.Image) -> Any:
    """The image itself: the default of `prepare`."""
    return image


def run_pass(
    records: Sequence[ImageRecord],
    function: Callable[[Sequence[str], Sequence[Item]], Output],
    *,
    batch_size: int,
    prepare: Callable[[Image.Image], Item] = keep_image,
    workers: int = 0,
    progress: bool | None = None,
) -> PassResult[Output]:
    """Call `function(ids, items)` on batches of prepared images, in order.

    A record fails alone when reading raises DataError, OSError or ValueError, or when preparing
    raises DataError. When `function` raises DataError, it is called again for each record of
    the batch by itself. Anything else that it raises ends the pass. `workers` threads read and
    prepare ahead; `progress` None shows a bar when standard error is a terminal.
    """
    if not records:
        raise UsageError("there are no images to run on.")
    if batch_size < 1 or workers < 0:
        raise UsageError(
            f"batch_size {batch_size} must be at least 1, workers {workers} 0 or more."
        )
    batches: list[Batch[Output]] = []
    failures: list[Failure] = []
    notes: dict[str, tuple[str, ...]] = {}
    load = partial(_load, prepare=prepare)
    with (
        strict_pillow,
        _bar(len(records), progress) as bar,
        closing(_in_order(records, load, workers)) as loaded,
    ):
        for group in _groups(loaded, batch_size, failures, bar):
            notes.update({item.id: item.notes for item in group if item.notes})
            _compute(group, function, batches, failures)
    position = {record.id: index for index, record in enumerate(records)}
    failures.sort(key=lambda failure: position[failure.id])
    return PassResult(tuple(batches), tuple(failures), notes)


@dataclass(frozen=True)
class _Loaded(Generic[Item]):
    id: str
    item: Item
    notes: tuple[str, ...]


def _load(
    record: ImageRecord, *, prepare: Callable[[Image.Image], Item]
) -> _Loaded[Item] | Failure:
    try:
        image = record.read()
    except DataError as error:
        return Failure(record.id, error.code, str(error))
    except (OSError, ValueError) as error:
        return Failure(record.id, "unreadable", f"{type(error).__name__}: {error}.")
    try:
        return _Loaded(record.id, prepare(image), tuple(image.info.get(NOTES_KEY, ())))
    except DataError as error:
        return Failure(record.id, error.code, str(error))


def _in_order(
    records: Sequence[ImageRecord],
    load: Callable[[ImageRecord], _Loaded[Item] | Failure],
    workers: int,
) -> Generator[_Loaded[Item] | Failure, None, None]:
    if workers == 0:
        yield from map(load, records)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[_Loaded[Item] | Failure]] = deque()
        try:
            for record in records:
                pending.append(pool.submit(load, record))
                if len(pending) > _READ_AHEAD * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _groups(
    loaded: Iterator[_Loaded[Item] | Failure],
    size: int,
    failures: list[Failure],
    bar: Any,
) -> Iterator[list[_Loaded[Item]]]:
    """Lists of `size` loaded images, the last one shorter; failures go to `failures`."""
    group: list[_Loaded[Item]] = []
    for outcome in loaded:
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            group.append(outcome)
        if len(group) == size:
            yield group
            group = []
        bar.update()
    if group:
        yield group


def _compute(
    group: Sequence[_Loaded[Item]],
    function: Callable[[Sequence[str], Sequence[Item]], Output],
    batches: list[Batch[Output]],
    failures: list[Failure],
) -> None:
    ids = tuple(loaded.id for loaded in group)
    try:
        batches.append(Batch(ids, function(ids, [loaded.item for loaded in group])))
    except DataError as error:
        if len(group) == 1:
            failures.append(Failure(ids[0], error.code, str(error)))
            return
        for loaded in group:
            _compute([loaded], function, batches, failures)


def _bar(total: int, progress: bool | None) -> Any:
    shown = progress if progress is not None else sys.stderr is not None and sys.stderr.isatty()
    # The delay keeps runs of less than two seconds silent.
    return tqdm(total=total, unit="image", delay=2, disable=not shown)
