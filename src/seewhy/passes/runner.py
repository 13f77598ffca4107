"""One function over prepared images, batch by batch: what fails becomes a row, the rest goes on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from seewhy.base.errors import DataError, UsageError
from seewhy.data.records import Failure
from seewhy.passes.loading import Item, Loaded

Output = TypeVar("Output")


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


def run_batches(
    loaded: Iterable[Loaded[Item] | Failure],
    function: Callable[[Sequence[str], Sequence[Item]], Output],
    *,
    batch_size: int,
) -> PassResult[Output]:
    """Call `function(ids, items)` on groups of loaded images, in order.

    When `function` raises DataError, it is called again for each image of the group by itself,
    and the bad one becomes a failure. Anything else that it raises ends the pass.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size {batch_size} must be at least 1.")
    order: dict[str, int] = {}
    batches: list[Batch[Output]] = []
    failures: list[Failure] = []
    notes: dict[str, tuple[str, ...]] = {}
    for group in _groups(_numbered(loaded, order), batch_size, failures):
        notes.update({item.id: item.notes for item in group if item.notes})
        _compute(group, function, batches, failures)
    failures.sort(key=lambda failure: order[failure.id])
    return PassResult(tuple(batches), tuple(failures), notes)


def _numbered(
    loaded: Iterable[Loaded[Item] | Failure], order: dict[str, int]
) -> Iterator[Loaded[Item] | Failure]:
    for number, outcome in enumerate(loaded):
        order[outcome.id] = number
        yield outcome


def _groups(
    loaded: Iterable[Loaded[Item] | Failure], size: int, failures: list[Failure]
) -> Iterator[list[Loaded[Item]]]:
    """Lists of `size` loaded images, the last one shorter; failures go to `failures`."""
    group: list[Loaded[Item]] = []
    for outcome in loaded:
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            group.append(outcome)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _compute(
    group: Sequence[Loaded[Item]],
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
