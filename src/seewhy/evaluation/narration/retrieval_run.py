"""From a file of questions to the nearest inputs and their reasons, by models named as always."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.narration.entries import ImageFolder
from seewhy.data.narration.nlx_files import NlxTask, read_nlx
from seewhy.data.narration.records import NarrationRecord
from seewhy.evaluation.narration.retrieval_files import Direction, read_retrieved
from seewhy.evaluation.narration.retrieval_reasons import narrator_reasons
from seewhy.evaluation.narration.retrieving import NEAREST, retrieved_inputs
from seewhy.models.load import checked_device, load_model
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.storage import embedded_narrators, load_narrator
from seewhy.models.protocols import DualEncoder
from seewhy.models.trained_folders import check_trained


@dataclass(frozen=True)
class RetrievalOptions:
    """With `own` False a query passes over what it came with; the encoder is named as always."""

    encoder: str
    direction: Direction = "i2t"
    count: int = NEAREST
    own: bool = True
    device: str = "cpu"
    allow_download: bool = False


def retrieve_file(
    path: Path, images: Path, *, task: NlxTask, options: RetrievalOptions
) -> dict[str, list[str]]:
    """The nearest inputs of each image or question of a file of NLX-GPT.

    Raises `UsageError` for another file, an entry that cannot be used, or an encoder without texts.
    """
    records = _records(path, images, task)
    encoder = load_model(
        options.encoder, device=options.device, allow_download=options.allow_download
    )
    if not isinstance(encoder, DualEncoder):
        raise UsageError(f"{options.encoder} is no dual encoder of images and texts.")
    return retrieved_inputs(
        records,
        encoder,
        direction=options.direction,
        count=options.count,
        own=options.own,
    )


@dataclass(frozen=True)
class ReasonOptions:
    """Who gives reasons and how; one beam takes word by word."""

    narrator: str
    direction: Direction = "i2t"
    beams: int = 1
    batch_size: int = 32
    device: str = "cpu"


def reasons_of_file(
    retrieved: Path, questions: Path, images: Path, *, task: NlxTask, options: ReasonOptions
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The nearest inputs of a file of `write_retrieved`, and a narrator's reason for each.

    Raises `UsageError` for other files, and `DataError` for an image that cannot be read.
    """
    nearest = read_retrieved(retrieved, least=1)
    records = _records(questions, images, task)
    check_trained(options.narrator, "narrator", shipped=embedded_narrators())
    narrator = load_narrator(options.narrator).to(checked_device(options.device))
    found = narrator_reasons(
        nearest,
        records,
        narrator,
        direction=options.direction,
        options=DecodingOptions(
            method="greedy" if options.beams == 1 else "beam", beams=options.beams
        ),
        batch_size=options.batch_size,
    )
    return nearest, found


def _records(path: Path, images: Path, task: NlxTask) -> Sequence[NarrationRecord]:
    source = read_nlx(path, task, images=ImageFolder(images))
    if source.failures:
        first = source.failures[0]
        raise UsageError(
            f"{len(source.failures)} entries of {path.name} cannot be used, such as {first.id}: "
            f"{first.message} Mend them or leave them out."
        )
    return source.records
