"""From a file of questions to the nearest inputs, by a dual encoder that is loaded by its name."""

from dataclasses import dataclass
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.narration.entries import ImageFolder
from seewhy.data.narration.nlx_files import NlxTask, read_nlx
from seewhy.evaluation.narration.retrieval_files import Direction
from seewhy.evaluation.narration.retrieving import NEAREST, retrieved_inputs
from seewhy.models.load import load_model
from seewhy.models.protocols import DualEncoder


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
    source = read_nlx(path, task, images=ImageFolder(images))
    if source.failures:
        first = source.failures[0]
        raise UsageError(
            f"{len(source.failures)} entries of {path.name} cannot be used, such as {first.id}: "
            f"{first.message} Mend them or leave them out."
        )
    encoder = load_model(
        options.encoder, device=options.device, allow_download=options.allow_download
    )
    if not isinstance(encoder, DualEncoder):
        raise UsageError(f"{options.encoder} is no dual encoder of images and texts.")
    return retrieved_inputs(
        source.records,
        encoder,
        direction=options.direction,
        count=options.count,
        own=options.own,
    )
