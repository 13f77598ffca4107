"""What the page's templates show of each model, worked out beforehand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from seewhy.audit import wording
from seewhy.audit.evidence import CONSTANT
from seewhy.audit.parts import (
    NO_GROUP,
    accuracy_scores,
    estimate_scores,
    graft_scores,
    matching_curve,
    readable_curve,
    share_scores,
    similarity_colours,
    similarity_curves,
)
from seewhy.audit.schema import (
    AuditDocument,
    Baseline,
    ClassRow,
    Estimate,
    EvidenceRow,
    Example,
    FieldLoss,
    ModelChange,
    ModelDetails,
    SliceRow,
    Verdict,
)
from seewhy.base.errors import InternalError
from seewhy.report.page import IMAGE_BUDGET
from seewhy.results.parts import ConceptScores, Curve

MAX_CLASSES = 200
MAX_SLICES = 200
_MAX_COLUMNS = 6
_HEADLINES = 2


@dataclass(frozen=True)
class EvidenceView:
    """A row of evidence on one model, in words and with its bars."""

    model: str
    question: str
    meaning: str
    note: str
    chances: str
    votes: bool
    dominant: str | None
    stand: str
    tone: str
    shares: ConceptScores
    colours: list[int]


@dataclass(frozen=True)
class ModelView:
    """One model: its verdict, its details, and the parts that are drawn.

    `budget` is how many characters of pictures this model may put on the page.
    """

    verdict: Verdict
    details: ModelDetails
    groups: Mapping[str, Mapping[str, Sequence[str]]]
    colours: Mapping[str, int]
    budget: int = IMAGE_BUDGET
    earlier: Baseline | None = None

    @property
    def name(self) -> str:
        """The model's name as it was given."""
        return self.verdict.model

    @property
    def lead(self) -> str:
        """Effect, interval and p-value in words."""
        return wording.lead_text(self.verdict)

    @property
    def named(self) -> list[str]:
        """The groups that the verdict names; none if undecided."""
        return wording.named_groups(self.verdict)

    @property
    def chances(self) -> str:
        """The p-value of each combined share."""
        return wording.group_chances(self.verdict, self.verdict.shares)

    @property
    def share_reasons(self) -> list[str]:
        """Why a combined share is missing."""
        return _reasons(self.verdict.shares)

    @property
    def change(self) -> ModelChange | None:
        """What changed since the earlier audit, where it knew this model."""
        changes = self.earlier.models if self.earlier else []
        return next((change for change in changes if change.model == self.name), None)

    @property
    def pair(self) -> tuple[str, str] | None:
        """The leading group and the runner-up."""
        return wording.leader_and_runner_up(self.verdict)

    @property
    def agreement(self) -> str:
        """How the voting rows stand to each other."""
        return wording.agreement_text(self.verdict)

    @property
    def shares(self) -> ConceptScores:
        """The combined shares."""
        return share_scores(self.verdict)

    @property
    def share_colours(self) -> list[int]:
        """A palette place per combined share."""
        return self.places(self.verdict.shares)

    @property
    def headline_accuracy(self) -> list[tuple[str, Estimate]]:
        """The first image set and the one on which the model is worst, if they differ."""
        known = list(self.details.accuracy.items())
        worst = min(known[1:], key=lambda item: _or_one(item[1]), default=None)
        return [*known[:1], *([worst] if worst else [])][:_HEADLINES]

    @property
    def published_rows(self) -> list[EvidenceRow]:
        """The published reading among the evidence."""
        return [row for row in self.verdict.evidence if row.name == "graft-published"]

    @property
    def accuracy(self) -> ConceptScores:
        """Accuracy per image set."""
        return accuracy_scores(self.details)

    @property
    def accuracy_reasons(self) -> list[str]:
        """Why an accuracy is missing."""
        return _reasons(self.details.accuracy)

    @property
    def plain(self) -> list[int]:
        """Grey for every accuracy: they belong to no group."""
        return [NO_GROUP] * len(self.details.accuracy)

    @cached_property
    def examples(self) -> list[Example]:
        """The examples whose pictures fit into the budget, in order."""
        shown, size = [], 0
        for example in self.details.examples:
            size += len(example.thumbnail) + sum(len(c.thumbnail) for c in example.changed)
            if size > self.budget:
                break
            shown.append(example)
        return shown

    @property
    def examples_left_out(self) -> int:
        """How many examples did not fit."""
        return len(self.details.examples) - len(self.examples)

    @cached_property
    def classes(self) -> list[ClassRow]:
        """The classes with the lowest accuracy, at most `MAX_CLASSES`; unknown ones last."""
        rows = sorted(
            self.details.per_class,
            key=lambda row: (row.accuracy.value is None, _or_one(row.accuracy), row.name),
        )
        return rows[:MAX_CLASSES]

    @property
    def classes_left_out(self) -> int:
        """How many classes the table does not show."""
        return len(self.details.per_class) - len(self.classes)

    @property
    def class_shares(self) -> list[str]:
        """The groups with a known share in some class; at most six columns."""
        known = (
            {g: s for g, s in row.shares.items() if s.value is not None} for row in self.classes
        )
        return _union(known)[:_MAX_COLUMNS]

    @property
    def class_flips(self) -> list[str]:
        """The groups with an intervention in some class; at most six columns."""
        return _union(row.flipped for row in self.classes)[:_MAX_COLUMNS]

    @property
    def class_losses(self) -> list[str]:
        """The groups with a predicted loss in some class; at most six columns."""
        known = (name for name, found in self.details.field.items() if found.per_class)
        return list(known)[:_MAX_COLUMNS]

    @cached_property
    def slices(self) -> list[SliceRow]:
        """The slices with the lowest accuracy, at most `MAX_SLICES`; unknown ones last."""
        rows = sorted(
            self.details.slices, key=lambda row: (row.accuracy.value is None, _or_one(row.accuracy))
        )
        return rows[:MAX_SLICES]

    @property
    def slices_left_out(self) -> int:
        """How many slices the table does not show."""
        return len(self.details.slices) - len(self.slices)

    @property
    def losses(self) -> list[tuple[str, FieldLoss]]:
        """The groups with a predicted loss, the largest first."""
        known = [(g, found) for g, found in self.details.field.items() if found.route]
        return sorted(known, key=lambda item: -(item[1].loss.value or 0.0))

    @property
    def loss_reasons(self) -> list[str]:
        """Why a loss is missing."""
        return _reasons({group: found.loss for group, found in self.details.field.items()})

    @property
    def worst_loss(self) -> str | None:
        """What the costliest concept would do to the accuracy, in a sentence."""
        worst = wording.worst_loss(self.details.field)
        return None if worst is None else wording.loss_text(worst, self.details.field[worst])

    @property
    def graft(self) -> tuple[ConceptScores, ...]:
        """Winners before and after the graft."""
        return graft_scores(self.details)

    @property
    def winner_colours(self) -> list[int]:
        """A palette place per group among the winners."""
        return self.places(self.details.layers[0].winners)

    @cached_property
    def readable(self) -> Curve:
        """What can still be read along the stages."""
        return readable_curve(self.details)

    @property
    def readable_colours(self) -> list[int]:
        """A palette place per readable group."""
        return self.places(self.readable.names)

    @property
    def similarities(self) -> list[tuple[Curve, tuple[int, ...]]]:
        """One curve per concept group, with a palette place per line."""
        curves = similarity_curves(self.details, self.groups)
        places = self.places(self.groups)
        return [
            (curve, similarity_colours(curve, place))
            for curve, place in zip(curves, places, strict=True)
        ]

    @property
    def matching(self) -> Curve:
        """How well the units match, per stage."""
        return matching_curve(self.details)

    @property
    def published_groups(self) -> list[str]:
        """The groups that the published counts name."""
        counts = self.details.published
        return _union([counts.correct, counts.wrong, counts.unknown]) if counts else []

    def places(self, groups: Iterable[str]) -> list[int]:
        """A palette place per concept group; grey for what is none."""
        return [self.colours.get(group, NO_GROUP) for group in groups]

    def evidence_view(self, row: EvidenceRow) -> EvidenceView:
        """A row of this model's evidence, ready to be shown."""
        question, meaning = wording.ROW_QUESTIONS[row.name]
        stand = wording.row_stand(self.verdict, row)
        return EvidenceView(
            model=self.name,
            question=question,
            meaning=meaning,
            note=" ".join([row.note, *_reasons(_untold(row))]).strip(),
            # Only this row has a test of its own, and it speaks alone for what it measured.
            chances=wording.group_chances(self.verdict, row.shares)
            if row.votes and row.name == "counterfactuals"
            else "",
            votes=row.votes,
            dominant=row.dominant,
            stand=stand,
            tone={"agrees": "good", "disagrees": "warn"}.get(stand, ""),
            shares=estimate_scores("", row.shares),
            colours=self.places(row.shares),
        )


def model_views(document: AuditDocument, colours: Mapping[str, int]) -> tuple[ModelView, ...]:
    """A view per model, in the order of the verdicts, sharing the page's budget of pictures."""
    named = [(v.model, d.model) for v, d in zip(document.verdicts, document.details, strict=False)]
    if len(document.verdicts) != len(document.details) or any(a != b for a, b in named):
        raise InternalError("the verdicts and the details of an audit name different models.")
    budget = IMAGE_BUDGET // max(len(document.verdicts), 1)
    return tuple(
        ModelView(verdict, details, document.groups, colours, budget, document.baseline)
        for verdict, details in zip(document.verdicts, document.details, strict=True)
    )


def evidence_rows(models: Sequence[ModelView]) -> list[list[EvidenceView]]:
    """Per question one answer of each model that has one; questions that carry votes first.

    Otherwise in the order of `wording.ROW_QUESTIONS`.
    """
    rows: dict[str, list[EvidenceView]] = {}
    for model in models:
        for row in model.verdict.evidence:
            rows.setdefault(row.name, []).append(model.evidence_view(row))
    ordered = [rows[name] for name in wording.ROW_QUESTIONS if name in rows]
    return sorted(ordered, key=lambda views: not any(view.votes for view in views))


def most_flipping(row: SliceRow) -> tuple[str, Estimate] | None:
    """The intervention that changes most decisions of a slice, if any changes one."""
    known = {name: share for name, share in row.flipped.items() if share.value}
    return max(known.items(), key=lambda item: item[1].value or 0.0) if known else None


def _reasons(estimates: Mapping[str, Estimate]) -> list[str]:
    """Each reason once, with all the names that it holds for."""
    names: dict[str, list[str]] = {}
    for name, estimate in estimates.items():
        if estimate.value is None and estimate.reason:
            names.setdefault(estimate.reason, []).append(name)
    return [f"{', '.join(who)}: {reason}." for reason, who in names.items()]


def _untold(row: EvidenceRow) -> dict[str, Estimate]:
    """The shares of a row whose reasons its note does not give."""
    return {
        name: share
        for name, share in row.shares.items()
        if share.reason != CONSTANT and share.reason not in row.note
    }


def _union(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _or_one(estimate: Estimate) -> float:
    return 1.0 if estimate.value is None else estimate.value
