"""Figures of all images: what each encoder shares with its classes, and encoders side by side."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from seewhy.concepts.asking import Reader
from seewhy.concepts.document import ChanceLevel, ClassSummary, EncoderSummary, FitLine, Interval
from seewhy.concepts.entries import Reading
from seewhy.evaluation import weighted
from seewhy.evaluation.encoder_comparison import EncoderFigures, Figure, Relation, relations
from seewhy.methods.mutual_knowledge import dynamics
from seewhy.methods.mutual_knowledge.dynamics import chance_level, summarised
from seewhy.models.towers import PoolingTower, TransformerTower, image_tower
from seewhy.models.towers.convolutions import last_stage

_MOST_COMMON = 8
_LEAST_ENCODERS = 3

Bounded = dynamics.Interval | weighted.Interval


@dataclass
class Tally:
    """What one encoder read in image after image, as far as figures of all of them need it."""

    reader: Reader
    seed: int = 0
    curves: list[np.ndarray] = field(default_factory=list)
    found: list[tuple[int, ...]] = field(default_factory=list)
    shared: list[list[str]] = field(default_factory=list)
    predicted: list[int] = field(default_factory=list)
    truth: list[int | None] = field(default_factory=list)

    def add(self, reading: Reading) -> None:
        """One more image."""
        asked = self.reader.asked
        numbers = {name: number for number, name in enumerate(asked.classes)}
        self.curves.append(np.array(reading.predicted.curve))
        self.found.append(asked.bank.bank.ids(each.text for each in reading.found))
        self.shared.append(reading.predicted.shared)
        self.predicted.append(numbers[reading.predicted.name])
        self.truth.append(numbers[reading.truth.name] if reading.truth else None)

    def summary(self) -> EncoderSummary:
        """Figures with intervals where there are two images or more."""
        encoder, several = self.reader.encoder, len(self.curves) > 1
        found = summarised(self.curves, seed=self.seed) if self.curves else None
        known = found if several else None
        return EncoderSummary(
            name=self.reader.name,
            family=_family(self.reader),
            pretraining=_pretraining(self.reader.name),
            parameters=sum(each.numel() for each in encoder.module.parameters()),
            templates=len(self.reader.prompts.templates),
            input_size=list(_input_size(self.reader)),
            images=len(self.curves),
            labelled=sum(each is not None for each in self.truth),
            accuracy=self._accuracy(),
            information=_interval(known.start) if known else None,
            area=_interval(known.area) if known else None,
            mean_area=_interval(known.mean_area) if known else None,
            chance=self._chance() if several else None,
            curve=found.curve.tolist() if found else [],
            classes=list(self._classes()),
        )

    def _accuracy(self) -> Interval | None:
        from scipy.stats import binomtest

        right = [own == true for own, true in zip(self.predicted, self.truth, strict=True)
                 if true is not None]  # fmt: skip
        if not right:
            return None
        bounds = binomtest(sum(right), len(right)).proportion_ci(method="wilson")
        return Interval(
            value=sum(right) / len(right), low=float(bounds.low), high=float(bounds.high)
        )

    def _chance(self) -> ChanceLevel:
        language = np.array(self.reader.asked.expected)
        found = chance_level(self.found, np.array(self.predicted), language, seed=self.seed)
        return ChanceLevel(mean=found.mean, low=found.low, high=found.high, p_value=found.p_value)

    def _classes(self) -> Iterator[ClassSummary]:
        for number, name in enumerate(self.reader.asked.classes):
            given = [place for place, own in enumerate(self.predicted) if own == number]
            labelled = [place for place, true in enumerate(self.truth) if true == number]
            right = sum(self.predicted[place] == number for place in labelled)
            areas = [float(self.curves[place].mean()) for place in given]
            counts = Counter(text for place in given for text in self.shared[place])
            yield ClassSummary(
                name=name,
                predicted=len(given),
                labelled=len(labelled),
                recall=right / len(labelled) if labelled else None,
                mean_area=float(np.mean(areas)) if areas else None,
                common=counts.most_common(_MOST_COMMON),
            )


def fit_lines(encoders: Sequence[EncoderSummary], *, seed: int) -> list[FitLine]:
    """Whether encoders that share more with their classes are right more often.

    Empty for fewer than three encoders, and where images have no labels.
    """
    figures = [
        EncoderFigures(
            each.name,
            each.family,
            each.accuracy.value,
            each.information.value,
            each.area.value,
            each.pretraining,
            each.parameters,
        )
        for each in encoders
        if each.accuracy and each.information and each.area
        if each.accuracy.value is not None
        if each.information.value is not None and each.area.value is not None
    ]
    if len(figures) < _LEAST_ENCODERS:
        return []
    kinds: tuple[Figure, ...] = get_args(Figure)
    return [
        _line(group, found, figure=kind)
        for kind in kinds
        for group, found in relations(figures, figure=kind, seed=seed).items()
    ]


def _line(group: str, found: Relation, *, figure: Figure) -> FitLine:
    return FitLine(
        group=group,
        figure=figure,
        encoders=found.encoders,
        slope=_known(found.slope),
        intercept=_known(found.intercept),
        pearson=_interval(found.pearson),
        spearman=_interval(found.spearman),
    )


def _interval(found: Bounded) -> Interval:
    return Interval(value=_known(found.value), low=_known(found.low), high=_known(found.high))


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _family(reader: Reader) -> str:
    if last_stage(reader.encoder) is not None:
        return "CNN"
    match image_tower(reader.encoder):
        case PoolingTower():
            return "ResNet"
        case TransformerTower():
            return "ViT"
        case other:
            return type(other).__name__


def _pretraining(name: str) -> str:
    """The tag of published weights, as in open_clip:ViT-B-16/openai."""
    return name.rpartition("/")[2] if name.startswith("open_clip:") and "/" in name else ""


def _input_size(reader: Reader) -> tuple[int, int]:
    size = reader.preprocessing.size
    return (size, size) if isinstance(size, int) else size
