"""Reading and preparing images in order, in this process or ahead of it in others."""

import multiprocessing
import os
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from seewhy.base.errors import DataError, InternalError, UsageError
from seewhy.data.images import NOTES_KEY, strict_pillow
from seewhy.data.records import Failure, ImageRecord

Item = TypeVar("Item")
Prepare = Callable[[str, Image.Image], Item]

_READ_AHEAD = 2
_WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Loaded(Generic[Item]):
    """A prepared image; `notes` are the slugs of decisions made while reading it."""

    id: str
    item: Item
    notes: tuple[str, ...] = ()


def keep_image(_identity: str, image: Image.Image) -> Any:
    """The image itself: the default of `prepare`."""
    return image


def load_images(
    records: Sequence[ImageRecord], prepare: Prepare[Item] = keep_image, *, workers: int = 0
) -> Generator[Loaded[Item] | Failure, None, None]:
    """Every record prepared, or the reason why not, in the order of the records.

    A record fails when reading raises DataError, OSError or ValueError, or when preparing raises
    DataError; anything else ends the reading. `workers` processes read and prepare ahead, each
    at most two images; their items have to be of a kind that can be sent between processes.
    Close the generator when stopping early. Raises `InternalError` when such a process dies.
    """
    if workers < 0:
        raise UsageError(f"workers {workers} must be 0 or more.")
    if workers == 0 or not records:
        return (_load(record, prepare) for record in records)
    return _load_ahead(records, prepare, min(workers, len(records)))


def _load(record: ImageRecord, prepare: Prepare[Item]) -> Loaded[Item] | Failure:
    with strict_pillow:
        try:
            image = record.read()
        except DataError as error:
            return Failure(record.id, error.code, str(error))
        except (OSError, ValueError) as error:
            return Failure(record.id, "unreadable", f"{type(error).__name__}: {error}.")
        notes = tuple(image.info.get(NOTES_KEY, ()))
        try:
            return Loaded(record.id, prepare(record.id, image), notes)
        except DataError as error:
            return Failure(record.id, error.code, str(error))


def _load_ahead(
    records: Sequence[ImageRecord], prepare: Prepare[Item], workers: int
) -> Generator[Loaded[Item] | Failure, None, None]:
    iterator = _started(_Reading(records, prepare), workers)
    try:
        for position in range(len(records)):
            window = records[position : position + _READ_AHEAD * workers]
            outcome = _opened(_received(iterator, window))
            if isinstance(outcome, _Fault):
                raise outcome.error
            yield outcome
    finally:
        iterator._shutdown_workers()


@dataclass(frozen=True)
class _Fault:
    """What a reading process raised, to be raised again where the images are wanted."""

    error: BaseException


@dataclass(frozen=True)
class _Reading(Generic[Item]):
    """The records as a map-style data set of parcels."""

    records: Sequence[ImageRecord]
    prepare: Prepare[Item]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Tensor:
        record = self.records[index]
        try:
            outcome: object = _load(record, self.prepare)
        except BaseException as error:
            error.add_note(f"In a process that reads images:\n{traceback.format_exc()}")
            outcome = _Fault(error)
        try:
            parcel = _packed(outcome)
            if isinstance(outcome, _Fault):
                _opened(parcel)
        except Exception as error:
            return _packed(_Fault(_unfit(record, outcome, error)))
        return parcel


def _unfit(record: ImageRecord, outcome: object, error: Exception) -> UsageError | InternalError:
    """Items as well as foreign errors may be of a kind that cannot be sent."""
    if isinstance(outcome, _Fault):
        return InternalError(
            f"reading {record.id!r} raised {type(outcome.error).__name__}: {outcome.error}."
        )
    return UsageError(
        f"what was prepared from {record.id!r} cannot be sent between processes "
        f"({type(error).__name__}: {error}). Read with workers=0."
    )


class _Parcel(ForkingPickler):
    """Packs the tensors of an item with the rest.

    One shared file per tensor, as torch would have it, uses up the open files of a process.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.dispatch_table = {**self.dispatch_table, Tensor: _taken_apart}


def _taken_apart(tensor: Tensor) -> tuple[Any, ...]:
    numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return _put_together, (numbers, tensor.dtype, tuple(tensor.shape))


def _put_together(numbers: Any, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(numbers).view(dtype).reshape(shape)


def _packed(content: object) -> Tensor:
    parcel = _Parcel.dumps(content, protocol=5)
    return torch.from_numpy(np.frombuffer(parcel, dtype=np.uint8))


def _opened(parcel: Tensor) -> Any:
    return _Parcel.loads(parcel.numpy().data)


def _started(reading: _Reading[Any], workers: int) -> Any:
    """The iterator of a DataLoader whose processes run; chance is left as it was found."""
    try:
        with _quiet_start():
            return iter(
                DataLoader(
                    reading,  # type: ignore[arg-type]
                    batch_size=None,
                    num_workers=workers,
                    multiprocessing_context=_context(),
                    worker_init_fn=partial(_leave_with, os.getpid()),
                    prefetch_factor=_READ_AHEAD,
                    generator=torch.Generator(),
                )
            )
    except Exception as error:
        raise UsageError(
            f"cannot start {workers} processes that read images ({type(error).__name__}: "
            f"{error}). Where records or their preparation cannot be sent to a process, read "
            "with workers=0."
        ) from error


def _leave_with(parent: int, _number: int) -> None:
    """End this process when its parent is gone, also when that was killed at our start.

    The DataLoader's own watch takes whoever is the parent after the start for the right one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _context() -> str:
    """Forked processes inherit the records, whatever these hold."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _quiet_start() -> Iterator[None]:
    """No warnings about the number of processes or forking beside threads; signals as found.

    The DataLoader's own handler would raise in the middle of whatever the caller is doing when
    a process dies; without it the death is found out when the next image is wanted.
    """
    in_main = threading.current_thread() is threading.main_thread()
    handled = getattr(signal, "SIGCHLD", None) if in_main else None
    found = None if handled is None else signal.getsignal(handled)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        warnings.filterwarnings("ignore", message="This process .* is multi-threaded")
        try:
            yield
        finally:
            if handled is not None and found is not None:
                signal.signal(handled, found)


def _received(iterator: Any, window: Sequence[ImageRecord]) -> Tensor:
    """The next parcel; parcels hold their own faults, so what is raised here is a lost process."""
    try:
        return cast("Tensor", next(iterator))
    except Exception as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
    raise InternalError(
        f"a process that reads images died ({told}) while it had one of "
        f"{', '.join(repr(record.id) for record in window)}. It may have run out of memory: read "
        "with fewer workers, or with workers=0 to see which image it was."
    )
