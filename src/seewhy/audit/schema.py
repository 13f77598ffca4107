"""What an audit says: the schema of `audit.json` (strict JSON, versioned)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.1"
YOUR_IMAGES = "your images"
"""The name of the images that an audit was asked about, among the sets with an accuracy."""

RowName = Literal[
    "graft-published",
    "graft-readable",
    "decision-share",
    "probe-share",
    "interventions",
    "counterfactuals",
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

    `relied_on` lists the groups whose share is beyond what ignoring them would give, the largest
    first; `dominant` is the first where it leads clearly. Several groups without a leader are a
    verdict too: `dominant` is then None and `undecided` false.

    `effect` is the combined share of the leading group minus that of the runner-up (-1 to 1),
    `interval` its 95 % bootstrap interval, `p_value` the chance of so large a reliance in
    untrained copies of the model, `p_values` per group the chance of its share if the decision
    ignored it. `sentence` is for a reader who is no expert.
    """

    model: str
    dominant: str | None
    undecided: bool
    effect: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    shares: dict[str, Estimate]
    relied_on: list[str] = Field(default_factory=list)
    p_values: dict[str, float] = Field(default_factory=dict)
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
    shares: dict[str, Estimate] = Field(
        description="variance of the decisions on the class's images that only this group explains"
    )
    flipped: dict[str, Estimate] = Field(description="per concept group, by its interventions")


class SliceRow(Record):
    """The images with one value of one concept group: true where known, else as read."""

    group: str
    value: str
    images: int
    accuracy: Estimate
    answers: dict[str, float] = Field(description="share answered with a class; the commonest five")
    flipped: dict[str, Estimate] = Field(description="decisions that change, per intervention")


Route = Literal["seen", "pixels"]


class FieldLoss(Record):
    """What happens to the accuracy if a group's value no longer goes with the class.

    `loss` is `accuracy` minus `predicted` (-1 to 1). `route` says where the cases against the
    class come from: "seen" among the images, or made of them by changing "pixels"; the value is
    the one that the encoder reads. `counterfactual` is the loss by the true attributes.
    """

    accuracy: Estimate
    predicted: Estimate
    loss: Estimate
    route: Route | None
    agreement: float | None = Field(description="share of images whose value goes with the class")
    independent: float | None = Field(description="the same if the value ignored the class")
    counterfactual: Estimate
    per_class: dict[str, Estimate] = Field(description="the loss, in classes with enough images")


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
    slices: list[SliceRow] = Field(default_factory=list)
    field: dict[str, FieldLoss] = Field(
        default_factory=dict, description="per concept group: what its loss would cost"
    )


class Change(Record):
    """A figure then and now; `apart` says whether the two intervals have nothing in common."""

    before: Estimate
    now: Estimate
    difference: float | None
    apart: bool | None


class ModelChange(Record):
    """What changed in one model since the earlier audit; None stands for "undecided"."""

    model: str
    earlier: str
    dominant: str | None
    dominant_before: str | None
    accuracy: Change
    shares: dict[str, Change]
    losses: dict[str, Change]


class Baseline(Record):
    """The earlier audit, what makes the two hard to compare, and what changed."""

    created: str
    title: str
    warnings: list[str]
    models: list[ModelChange]


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
    baseline: Baseline | None = None
