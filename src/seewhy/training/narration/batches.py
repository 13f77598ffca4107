"""Examples as tensors, made ahead of the step that needs them."""

import logging
import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from seewhy.base.errors import DataError
from seewhy.data.narration.drawn.dataset import ScenePicture
from seewhy.models.narration.batches import RowBatch, training_batch
from seewhy.models.narration.tokens import NarrationTokenizer
from seewhy.models.preprocessing import Preprocessing
from seewhy.training.narration.examples import Example, Examples, Part
from seewhy.training.narration.features import FeatureStore
from seewhy.training.narration.mentions import Mentions, mentions_of
from seewhy.training.narration.quarters import Quarters, quarters_of

PARTS: tuple[Part, ...] = ("lead", "answer", "reason", "caption")
_CODES: dict[Part, int] = {"none": 0, **{part: code for code, part in enumerate(PARTS, start=1)}}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class NarrationBatch:
    """Rows and their images: pixels (four axes), or stored tokens of the tower (three).

    `parts` tells of each token which part of the row it is as a target: 0 for none, then `PARTS`.
    `quarters` says what the images show and `mentions` where, where that is asked.
    """

    rows: RowBatch
    parts: Int[Tensor, "batch tokens"]
    images: Float[Tensor, "batch ..."]
    quarters: Quarters | None = None
    mentions: Mentions | None = None

    def to(self, device: torch.device) -> "NarrationBatch":
        """The same on a device."""
        if device.type == "cpu":
            return self
        tensors = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self.rows).items()
            if value is not None
        }
        return NarrationBatch(
            replace(self.rows, **tensors),
            self.parts.to(device, non_blocking=True),
            self.images.to(device, non_blocking=True),
            None if self.quarters is None else self.quarters.to(device, non_blocking=True),
            None if self.mentions is None else self.mentions.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class BatchMaker:
    """Examples to a batch; images are looked up in `features` where these are stored.

    With `has_quarters` drawn scenes are told as well, where all images are such.
    """

    tokenizer: NarrationTokenizer
    preprocessing: Preprocessing
    features: FeatureStore | None = None
    has_quarters: bool = False

    def batch(self, examples: Sequence[Example]) -> NarrationBatch:
        """All examples but those whose image cannot be read; `DataError` where none is left."""
        found = [(example, self._image(example)) for example in examples]
        kept = [(example, image) for example, image in found if image is not None]
        if not kept:
            names = ", ".join(example.row.id for example in examples[:3])
            raise DataError(
                "all_failed",
                f"none of the {len(examples)} images of a batch can be read (of records {names}, "
                "...). Check the folder of images.",
            )
        rows = training_batch([example.row for example, _ in kept], self.tokenizer)
        codes = torch.zeros_like(rows.ids)
        for number, (example, _) in enumerate(kept):
            codes[number, : len(example.parts)] = torch.tensor(
                [_CODES[part] for part in example.parts]
            )
        images = torch.stack([image for _, image in kept])
        return NarrationBatch(rows, codes, images, *self._seen([each for each, _ in kept]))

    def _seen(self, examples: Sequence[Example]) -> tuple[Quarters | None, Mentions | None]:
        scenes = [each.read.scene for each in examples if isinstance(each.read, ScenePicture)]
        if not self.has_quarters or len(scenes) < len(examples):
            return None, None
        is_answer = [[part == "answer" for part in each.parts] for each in examples]
        return quarters_of(scenes), mentions_of([each.row for each in examples], is_answer, scenes)

    def _image(self, example: Example) -> Tensor | None:
        try:
            if self.features is not None:
                return self.features.tokens(example.read)
            return self.preprocessing(example.read())
        except DataError as error:
            _log.warning("record %s is left out: %s", example.row.id, error)
            return None


class _Numbered(Dataset[NarrationBatch]):
    def __init__(self, examples: Examples, maker: BatchMaker, numbers: Sequence[int]) -> None:
        self._examples, self._maker, self._numbers = examples, maker, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> NarrationBatch:
        return self._maker.batch(self._examples.batch(self._numbers[place]))


def batches(
    examples: Examples, maker: BatchMaker, numbers: Sequence[int], *, workers: int = 0
) -> Iterator[NarrationBatch]:
    """The batches of these numbers in order, made by `workers` processes ahead of time.

    Chance is left as it was found, and the number of processes changes nothing in the batches.
    """
    loader = DataLoader(
        _Numbered(examples, maker, numbers),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=_context() if workers else None,
        generator=torch.Generator(),
        prefetch_factor=4 if workers else None,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        warnings.filterwarnings("ignore", message="This process .* is multi-threaded")
        found = iter(loader)
    yield from found


def _context() -> str:
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
