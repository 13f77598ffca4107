"""The record of a question about an image, its answers and its reasons."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

from seewhy.data.records import Failure

Task = Literal[
    "vqaX", "aokvqa", "vqa_paraX", "actX", "esnlive", "vcr", "imagenetX",
    "uninlx", "captions", "easy_vqa",
]  # fmt: skip
"""The seven tasks of Uni-NLX by its own names; "uninlx" where its file does not say which."""

Box = tuple[float, float, float, float, float]
"""Left, top, right and bottom in pixels, and how sure the detector is; the last is not used."""


@dataclass(frozen=True)
class Vote:
    """One answer as it is stored; `more` is what else the file says of it."""

    text: str
    more: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Regions:
    """The objects of an image, by name and box; `width` and `height` are pixels of the image."""

    objects: tuple[str, ...]
    boxes: tuple[Box, ...]
    width: int
    height: int


NO_REGIONS = Regions((), (), 1, 1)
"""Of an image whose objects nobody named."""


@dataclass(frozen=True)
class NarrationRecord:
    """One question about one image, as it is stored: nothing is cleaned yet.

    `id` is unique in its file. `images` are paths below the folder of images; the first is the one
    that `read` decodes (mode RGB), or raises `DataError` with a code. `question` is None where the
    task has none; of "esnlive" it is the hypothesis. `choices` are the offered answers and
    `correct` the place of the right one. `more` holds the columns that are not interpreted, and
    `listed` names those that the file writes as a list even of one.
    """

    id: str
    task: Task
    images: tuple[str, ...]
    question: str | None
    votes: tuple[Vote, ...]
    explanations: tuple[str, ...]
    regions: Regions | None = None
    choices: tuple[str, ...] = ()
    correct: int | None = None
    more: Mapping[str, object] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    read: Callable[[], Image.Image] | None = field(default=None, compare=False, repr=False)

    @property
    def answers(self) -> Mapping[str, int]:
        """How often each answer was given, as stored, in the order in which they come first."""
        return Counter(vote.text for vote in self.votes)


@dataclass(frozen=True)
class NarrationSource:
    """The records of a file and what never became one."""

    name: str
    records: Sequence[NarrationRecord]
    failures: tuple[Failure, ...] = ()


def votes_for(answers: Sequence[str]) -> tuple[Vote, ...]:
    """Votes as VQA-X stores them: sure, and numbered from 1."""
    return tuple(
        Vote(answer, {"answer_confidence": "yes", "answer_id": number})
        for number, answer in enumerate(answers, start=1)
    )
