"""A folder for each image: what is there is kept, what is missing is made, batch by batch."""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic

from PIL import Image
from tqdm import tqdm

from seewhy.base.errors import DataError
from seewhy.data.images import NOTES_KEY
from seewhy.data.listing import content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.passes.loading import load_images
from seewhy.passes.runner import run_batches
from seewhy.results.seals import Entry, Seals, entry_folder


@dataclass(frozen=True)
class Taken:
    """An image as it was read; `key` is the digest of it and of all that is asked of it."""

    id: str
    key: str
    image: Image.Image
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome(Generic[Entry]):
    """What became of an image, and whether it was made now."""

    found: Entry | Failure
    is_new: bool = False


@dataclass(frozen=True)
class ImageFolders(Generic[Entry]):
    """A job that gives each image a sealed folder below `output`.

    `digest` is that of all that decides the result but the images, `facts` what decides it of an
    image beside its content. `write` makes and seals the
    folders of some images. With `is_joint` the images of a batch decide each other's results, so a
    batch is kept or made as a whole.
    """

    output: Path
    seals: Seals[Entry]
    digest: str
    write: Callable[[Sequence[Taken]], list[Entry]]
    is_joint: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    def outcomes(
        self, records: Sequence[ImageRecord], *, batch_size: int, name: str, progress: bool
    ) -> Iterator[Outcome[Entry]]:
        """One for each record, in order; at most a batch of images is in memory."""
        # The delay keeps runs of less than two seconds silent.
        hidden = not progress or sys.stderr is None
        with tqdm(total=len(records), desc=name, unit="image", delay=2, disable=hidden) as bar:
            for start in range(0, len(records), batch_size):
                batch = records[start : start + batch_size]
                yield from self._batch(batch, self._keys(batch))
                bar.update(len(batch))

    def _keys(self, batch: Sequence[ImageRecord]) -> dict[str, str]:
        lines = {each.id: (each.id, content_digest(each), *self._facts(each)) for each in batch}
        beside = [line for each in lines.values() for line in each] if self.is_joint else []
        return {
            identity: hashlib.sha256(
                "\n".join((self.digest, *own, *beside)).encode("utf-8", "surrogatepass")
            ).hexdigest()
            for identity, own in lines.items()
        }

    def _facts(self, record: ImageRecord) -> list[str]:
        return [self.facts[record.id]] if record.id in self.facts else []

    def _batch(
        self, batch: Sequence[ImageRecord], keys: Mapping[str, str]
    ) -> Iterator[Outcome[Entry]]:
        outcomes: dict[str, Outcome[Entry]] = {}
        for record in batch:
            entry = self.seals.kept(entry_folder(self.output, record.id), keys[record.id])
            if entry is not None:
                outcomes[record.id] = Outcome(entry)
        if self.is_joint and len(outcomes) < len(batch):
            outcomes.clear()
        missing = [record for record in batch if record.id not in outcomes]
        result = run_batches(
            load_images(missing, partial(_taken, keys)), self._written, batch_size=len(batch)
        )
        for entry in (entry for entries in result.outputs for entry in entries):
            outcomes[entry.image] = Outcome(entry, is_new=True)
        outcomes |= {failure.id: Outcome(failure) for failure in result.failures}
        yield from (outcomes[record.id] for record in batch)

    def _written(self, _ids: Sequence[str], taken: Sequence[Taken]) -> list[Entry]:
        return self.write(taken)


def refuse_failures(failures: Sequence[Failure], *, used: int, most: float) -> None:
    """Raise `DataError` when more than this share of the images could not be used, or all."""
    failed = len(failures)
    if failed and (not used or failed > most * (used + failed)):
        first = failures[0]
        raise DataError(
            "all_failed" if not used else "too_many_failures",
            f"{failed} of {used + failed} images could not be used; the first: {first.id!r}, "
            f"{first.code}: {first.message} failures.parquet names each. Mend them, or allow "
            "more failures.",
        )


def _taken(keys: Mapping[str, str], identity: str, image: Image.Image) -> Taken:
    return Taken(identity, keys[identity], image, tuple(image.info.get(NOTES_KEY, ())))
