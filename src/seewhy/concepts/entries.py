"""What is kept of an image: what each encoder read in it, under the seal of its folder."""

from typing import Final, Literal

from seewhy.results.seals import Record, SealedEntry, Seals

SCHEMA: Final = "seewhy.image-concepts/1"


class ScoredText(Record):
    """A text of the bank: 2.5 times its cosine with the image, or its cosine with a class."""

    text: str
    score: float


class PartReading(Record):
    """A part of an image, its share of what the model was shown, and its texts, best first.

    Scores are what the texts were chosen by: shares of a transport unless the ranking says else.
    """

    number: int
    share: float
    texts: list[ScoredText]


class ClassReading(Record):
    """What an image shares with what is expected of one class.

    `shared` are texts, the most relevant to the image first. The figures are those of
    `seewhy.methods.mutual_knowledge.overlap.Overlap`, None where not defined; `area` is the mean of
    `curve`, which is the published index as the most relevant texts are taken away.
    """

    name: str
    similarity: float
    shared: list[str]
    index: float
    share: float | None
    jaccard: float | None
    information: float
    p_value: float
    printed: float | None
    ranked: float | None
    area: float
    curve: list[float]


class Contrast(Record):
    """Why the winner won over a rival, in texts.

    Of what the image shows: expected of both, of the winner alone, of the rival alone, of neither.
    `missing` is expected of the rival alone and not shown.
    """

    rival: str
    both: list[str]
    winner: list[str]
    rivals: list[str]
    neither: list[str]
    missing: list[str]


class Reading(Record):
    """What one encoder read in an image.

    `expected` is that of the predicted class. `truth` is None where the true class is not known;
    `contrasts` are with the runner-up and, where it is a third one, with the true class.
    """

    encoder: str
    predicted: ClassReading
    runner_up: ClassReading
    truth: ClassReading | None
    is_correct: bool | None
    parts: list[PartReading]
    ignored: int
    ranking: str
    is_fallback: bool
    found: list[ScoredText]
    expected: list[ScoredText]
    contrasts: list[Contrast]
    picture: str


class ConceptEntry(SealedEntry):
    """All readings of an image; `label` is its true class."""

    schema_version: Literal["seewhy.image-concepts/1"] = SCHEMA
    label: str | None
    readings: list[Reading]


SEALS: Final = Seals("concepts.json", ConceptEntry)
