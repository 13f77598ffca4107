"""What a run of concepts was about and came to, as one JSON document."""

from typing import Final, Literal

from pydantic import JsonValue

from seewhy.results.seals import Record

SCHEMA: Final = "seewhy.concepts/1"
DOCUMENT = "concepts.json"


class Interval(Record):
    """A figure and its 95 % interval, None where not defined."""

    value: float | None
    low: float | None
    high: float | None


class ChanceLevel(Record):
    """The mean area if images had nothing to do with their classes, and how often it is reached."""

    mean: float
    low: float
    high: float
    p_value: float


class ClassSummary(Record):
    """The images that an encoder gave to a class, and those that are of it.

    `recall` is the share of the latter that it got; `mean_area` and `common`, the texts shared most
    often with their counts, are those of the former.
    """

    name: str
    predicted: int
    labelled: int
    recall: float | None
    mean_area: float | None
    common: list[tuple[str, int]]


class EncoderSummary(Record):
    """One encoder on all images, each against the class that it predicted.

    `information` is the start of the mean deletion curve (the paper's MI), `area` its mean (the
    AUC), `mean_area` the mean of the images' own areas. `curve` is the mean curve.
    """

    name: str
    family: str
    pretraining: str
    parameters: int
    templates: int
    input_size: list[int]
    images: int
    labelled: int
    accuracy: Interval | None
    information: Interval | None
    area: Interval | None
    mean_area: Interval | None
    chance: ChanceLevel | None
    curve: list[float]
    classes: list[ClassSummary]


class FitLine(Record):
    """Accuracy against a figure over encoders: slope, intercept, correlations."""

    group: str
    figure: Literal["information", "area"]
    encoders: int
    slope: float | None
    intercept: float | None
    pearson: Interval
    spearman: Interval


class ConceptsDocument(Record):
    """What was asked, of how many images, what came out, and what a reader should know."""

    schema_version: Literal["seewhy.concepts/1"] = SCHEMA
    source: str
    classes: list[str]
    bank: dict[str, JsonValue]
    images: dict[str, int]
    encoders: list[EncoderSummary]
    relations: list[FitLine]
    notes: list[str]
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    question: str
