"""What an audit says: the schema of `audit.json` (strict JSON, versioned)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.0"

RowName = Literal[
    "graft-published", "graft-readable", "decision-share", "probe-share", "interventions"
]


class Record(BaseModel):
    """Base of all rows: immutable, no unknown fields, no NaN in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Record):
    """A figure with its 95 % bootstrap interval over images; `value` None has a reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    images: int = 0
    reason: str = ""


class EvidenceRow(Record):
    """One way of asking which concept group the model relies on.

    `shares` maps each group to an estimate between 0 and 1. `votes` says whether the row takes
    part in the verdict; `note` says why not, or what it shows, in a sentence.
    """

    name: RowName
    images: Literal["yours", "probe"]
    shares: dict[str, Estimate]
    dominant: str | None
    votes: bool
    note: str


class Control(Record):
    """A check whose answer is known beforehand; `holds` None means: informative only."""

    name: str
    expectation: str
    value: float | None
    holds: bool | None
    note: str = ""


class Verdict(Record):
    """Which concept group the decisions of one model rely on, or "undecided".

    `effect` is the combined share of the leading group minus that of the runner-up (-1 to 1),
    `interval` its 95 % bootstrap interval, `p_value` the chance of so large a reliance in
    untrained copies of the model. `sentence` is for a reader who is no expert.
    """

    model: str
    dominant: str | None
    undecided: bool
    effect: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    shares: dict[str, Estimate]
    sentence: str
    reason: str
    next_steps: list[str]
    evidence: list[EvidenceRow]
    controls: list[Control]


class InterventionEffect(Record):
    """What a change of the pixels does to the decisions and to the encoder's reading."""

    name: str
    removes: str | None = Field(description="the concept group that it changes, if just one")
    flipped: Estimate = Field(description="share of images whose predicted class changes")
    decision_change: Estimate = Field(description="total-effect index, 0 to 1")
    accuracy: Estimate
    concept_change: dict[str, float]


class LayerReading(Record):
    """Captions read after the first `grafted` stages of the encoder were replaced."""

    grafted: int
    site: str
    similarity: dict[str, Estimate] = Field(description="mean similarity per caption")
    winners: dict[str, Estimate] = Field(description="share of images won, per group")
    readable: dict[str, Estimate] = Field(
        description="share of images whose right value is read, per group; 'right' is what the "
        "encoder alone reads, or the true attribute where it is known"
    )


class StageMatching(Record):
    """How well the model's units match the units of one encoder stage (correlation)."""

    site: str
    units: int
    mean: float
    quantiles: list[float] = Field(description="5, 25, 50, 75, 95 % of the best correlations")
    permuted_mean: float | None = Field(description="the same after permuting images; chance level")
    sources: dict[str, int] = Field(description="matched units per source layer")


class PublishedCounts(Record):
    """The published reading: winners of (after - before), in shares of the images."""

    correct: dict[str, float]
    wrong: dict[str, float]
    unknown: dict[str, float] = Field(description="won by a group whose right value is unknown")


class ClassRow(Record):
    """One class of the model, on the user's images."""

    name: str
    images: int
    accuracy: Estimate
    shares: dict[str, Estimate]
    flipped: dict[str, Estimate] = Field(description="per concept group, by its interventions")


class Example(Record):
    """An image that carries the verdict, with its changed versions as PNG data URIs."""

    id: str
    label: str | None
    predicted: str
    confidence: float
    thumbnail: str
    changed: list["ChangedImage"]


class ChangedImage(Record):
    """The same image after an intervention."""

    intervention: str
    predicted: str
    confidence: float
    thumbnail: str


class ModelDetails(Record):
    """Everything measured on one model, for the report and for later tools."""

    model: str
    classes: list[str]
    accuracy: dict[str, Estimate] = Field(
        description="accuracy by image set: 'yours', 'yours, decorrelated', ..."
    )
    interventions: list[InterventionEffect]
    layers: list[LayerReading]
    matching: list[StageMatching]
    published: PublishedCounts | None
    per_class: list[ClassRow]
    examples: list[Example]


class AuditDocument(Record):
    """The whole of `audit.json`."""

    schema_version: str = SCHEMA_VERSION
    created: str = Field(description="UTC, ISO 8601")
    title: str
    encoder: str
    groups: dict[str, dict[str, list[str]]] = Field(description="group -> value -> captions")
    images: dict[str, int] = Field(description="used, failed, probe")
    notes: list[str]
    settings: dict[str, object]
    versions: dict[str, str]
    hashes: dict[str, str]
    verdicts: list[Verdict]
    details: list[ModelDetails]
