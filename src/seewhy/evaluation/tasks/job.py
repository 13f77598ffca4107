"""A task as a job over images with their truth: what fails becomes a row, the rest goes on."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seewhy.base.errors import DataError
from seewhy.data.listing import FileImage, content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.records import ClassMasks, LabelledRecord, LabelMap, Tags
from seewhy.evaluation.tasks.rows import Measured, measured_part, merged_parts
from seewhy.evaluation.tasks.windows import Tiles
from seewhy.models.identity import facts_digest
from seewhy.passes.loading import Loaded
from seewhy.passes.runner import run_batches
from seewhy.passes.shards import Part

Truth = LabelMap | ClassMasks | Tags


@dataclass(frozen=True, eq=False)
class Sample:
    """An image as the model sees it, its truth, its (width, height), and itself where needed."""

    tiles: Tiles
    truth: Truth
    size: tuple[int, int]
    image: UInt8[np.ndarray, "height width 3"] | None = None


class Task(ABC):
    """What is asked of each image."""

    @property
    @abstractmethod
    def variants(self) -> tuple[str, ...]:
        """What is compared, by the number in the column "method"."""

    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """All that decides the numbers, except the images."""

    @abstractmethod
    def prepare(self, image: Image.Image, truth: Truth) -> Sample:
        """The part that runs ahead on a CPU."""

    @abstractmethod
    def measure(self, samples: Sequence[Sample]) -> Sequence[Measured]:
        """The rows of each image; may raise `DataError`."""


@final
@dataclass(frozen=True, eq=False)
class TaskJob:
    """Runs a task over records; `truths` are read where the images are."""

    task: Task
    truths: Mapping[str, Callable[[], Truth]]
    batch_size: int = 1

    @property
    def name(self) -> str:
        """The job's slug."""
        return "evaluate"

    def key(self) -> str:
        """A digest of the task."""
        return facts_digest(
            job=self.name,
            task=type(self.task).__name__,
            batch_size=self.batch_size,
            facts=dict(self.task.facts()),
        )

    def prepare(self, identity: str, image: Image.Image) -> Sample:
        """The image as the model sees it, and its truth."""
        truth = self.truths[identity]()
        if not isinstance(truth, Tags) and truth.size != image.size:
            raise DataError(
                "size_mismatch",
                f"the image of {identity!r} is {image.size[0]} x {image.size[1]} pixels, its mask "
                f"{truth.size[0]} x {truth.size[1]}. Fetch both again.",
            )
        return self.task.prepare(image, truth)

    def run(self, loaded: Iterable[Loaded[Sample] | Failure]) -> Part:
        """The rows of a shard."""

        def measure(_ids: Sequence[str], samples: Sequence[Sample]) -> Sequence[Measured]:
            return self.task.measure(samples)

        return measured_part(run_batches(loaded, measure, batch_size=self.batch_size))

    def merge(self, first: Part, second: Part) -> Part:
        """The rows of both."""
        return merged_parts(first, second)


@dataclass(frozen=True)
class ExampleImage:
    """The image of a record; its digest is that of image and truth together."""

    record: LabelledRecord[Any]

    def __call__(self) -> Image.Image:
        """Read the image."""
        return self.record.read()

    def digest(self) -> str:
        """SHA-256 over the digests of both."""
        image = content_digest(ImageRecord(self.record.id, self.record.read))
        return hashlib.sha256((image + truth_digest(self.record.read_truth)).encode()).hexdigest()


def image_records(records: Sequence[LabelledRecord[Any]]) -> list[ImageRecord]:
    """The records as a pass takes them."""
    return [ImageRecord(record.id, ExampleImage(record)) for record in records]


def truth_digest(read: Callable[[], Truth]) -> str:
    """SHA-256 of a truth: its file where it is one, else what it says.

    What cannot be read counts by the code of its failure.
    """
    try:
        if isinstance(read, LabelFile):
            return FileImage(read.path, read.policy).digest()
        truth = read()
    except DataError as error:
        return error.code
    return hashlib.sha256(_content(truth)).hexdigest()


def _content(truth: Truth) -> bytes:
    head = repr(truth.present).encode()
    if isinstance(truth, Tags):
        return head
    masks = (np.packbits(truth.mask(label)).tobytes() for label in truth.present)
    return b"".join((head, repr(truth.size).encode(), np.packbits(truth.counted).tobytes(), *masks))
