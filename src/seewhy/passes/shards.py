"""The unit of work: some records and frozen settings in, one part out."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.listing import content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.passes.loading import Loaded


@dataclass(frozen=True)
class Part:
    """What a shard's records came to, or what parts merged to; this is what a store holds.

    `arrays` are Boolean or numeric. `facts` are strict JSON that reads back equal: text keys,
    lists for sequences, no NaN.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


@runtime_checkable
class Job(Protocol):
    """A pure function of the records of a shard, and how two of its parts become one.

    `name` is a slug. Jobs that run on Ray have to survive pickling.
    """

    @property
    def name(self) -> str:
        """A slug, such as "read"."""
        ...

    def key(self) -> str:
        """A digest of all that decides the numbers, except the records."""
        ...

    def prepare(self, identity: str, image: Image.Image) -> Any:
        """The part of the work on one image that runs ahead on a CPU; may raise `DataError`."""
        ...

    def run(self, loaded: Iterable[Loaded[Any] | Failure]) -> Part:
        """One shard."""
        ...

    def merge(self, first: Part, second: Part) -> Part:
        """One part for two neighbours; associative up to rounding."""
        ...


@dataclass(frozen=True)
class Shard:
    """Neighbouring records, at most as many as a run may lose."""

    number: int
    records: tuple[ImageRecord, ...]


def shards_of(records: Sequence[ImageRecord], size: int) -> list[Shard]:
    """The records in order, `size` to a shard, the last one smaller."""
    if size < 1:
        raise UsageError(f"a shard of {size} records; at least 1 is needed.")
    return [
        Shard(number, tuple(records[first : first + size]))
        for number, first in enumerate(range(0, len(records), size))
    ]


def shard_key(job_key: str, shard: Shard) -> str:
    """SHA-256 over the job's key and the ids, labels, attributes and contents of the records.

    Every image is read once. The number of the shard does not count.
    """
    rows = [
        [record.id, record.label, sorted(record.attributes.items()), content_digest(record)]
        for record in shard.records
    ]
    return hashlib.sha256(json.dumps([job_key, rows]).encode()).hexdigest()
