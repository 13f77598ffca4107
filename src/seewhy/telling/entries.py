"""What is kept of an image: answers, reasons and their support, under the seal of its folder."""

from typing import Final, Literal

from seewhy.data.narration.drawn.truth import Verdict as Truth
from seewhy.results.seals import Record, SealedEntry, Seals
from seewhy.similarity.entries import Region

SCHEMA: Final = "seewhy.telling/1"

Verdict = Literal["supported", "not supported", "undecided"]


class Hiding(Record):
    """How much a logarithm of a probability falls when a region is hidden.

    `elsewhere` is the mean fall when as much is hidden at other places.
    """

    fall: float
    elsewhere: float


class PhraseSupport(Record):
    """A thing that a reason names, and whether an encoder sees it where the narrator looked.

    `lead` is how far it stands above the best of its contrasts, `rival`, in their standard
    deviations; `rank` the share of them that it beats. `height` compares the place that is named
    with the best one: 1 and more where it is as good. `attention` is the narrator's attention on
    the region over its mean. `sentence` hides the region from the narrator, `answer` from the
    classifier.
    """

    text: str
    words: list[int]
    is_negated: bool
    place: str | None
    verdict: Verdict
    why: str
    lead: float | None = None
    rank: float | None = None
    rival: str | None = None
    height: float | None = None
    attention: float | None = None
    sentence: Hiding | None = None
    answer: Hiding | None = None
    region: Region | None = None
    picture: str | None = None


class StatementSupport(Record):
    """One statement; `truth` is None where no scene is known."""

    text: str
    verdict: Verdict
    truth: Truth | None
    phrases: list[PhraseSupport]


class Telling(Record):
    """An answer with its reason.

    With `is_given` the answer is a classifier's, of this `probability`, and `own_answer` is what
    the narrator would have said. `log_probability` is that of all that the narrator wrote itself.
    `verdict` is None where support was not asked for.
    """

    question: str
    answer: str
    reason: str
    log_probability: float
    is_given: bool
    own_answer: str | None
    probability: float | None
    verdict: Verdict | None
    truth: Truth | None
    statements: list[StatementSupport]


class TellingEntry(SealedEntry):
    """What was told of an image, question by question."""

    schema_version: Literal["seewhy.telling/1"] = SCHEMA
    tellings: list[Telling]


SEALS: Final = Seals("telling.json", TellingEntry)
