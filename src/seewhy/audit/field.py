"""What accuracy would be lost in the field, where a concept no longer goes with the class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from seewhy.audit.counterfactuals import read_positions
from seewhy.audit.details import (
    Positions,
    label_numbers,
    predicted,
    told_values,
    usual_values,
)
from seewhy.audit.evidence import FEWEST_IMAGES, estimate
from seewhy.audit.flips import changed_alone
from seewhy.audit.pixels.exchanges import EXCHANGES
from seewhy.audit.readings import ORIGINAL, Readings, concept_features, read_values
from seewhy.audit.schema import Estimate, FieldLoss, InterventionEffect, Route
from seewhy.audit.shares import PerImage
from seewhy.data.concepts import ConceptGroup, ConceptGroups

FEWEST_OF_A_KIND = 10
SEEN = 0.25
"""Of the cases against the class that independent values would make, the share to be seen.

With fewer, what looks like a case against the class may well be a misread value.
"""

FAINT = 0.1
_THE_CLASS = "its values are the classes themselves, from which it cannot part"

Numbers = Int[np.ndarray, " images"]
Truths = Bool[np.ndarray, " images"]
Weights = Float[np.ndarray, "draws images"]
Drawn = Float[np.ndarray, " draws"]


@dataclass(frozen=True)
class Cases:
    """One group on labelled images, or on kinds of images of which there are several each.

    `usual` is the value that goes with the image's class. `changed` counts the versions of an
    image in which the encoder clearly reads another value, where it read that one at first;
    `changed_right` counts the right answers among them.
    """

    labels: Numbers
    values: Numbers
    usual: Numbers
    right: Truths
    changed: PerImage
    changed_right: PerImage

    @property
    def agrees(self) -> Truths:
        """Whether the value is the one that goes with the class."""
        return np.asarray(self.values == self.usual)


@dataclass(frozen=True)
class Outlook:
    """Accuracy as it is and as predicted, and how often the value goes with the class in each."""

    accuracy: Drawn
    predicted: Drawn
    agreement: Drawn
    independent: Drawn

    @property
    def loss(self) -> Drawn:
        """Accuracy that would be lost, -1 to 1."""
        return np.asarray(self.accuracy - self.predicted)


def outlook(cases: Cases, weights: Weights, chosen: Truths, *, route: Route) -> Outlook:
    """Accuracy on the chosen images if the value came independently of the class.

    With classes and values as frequent as they are, independent values agree with the class in a
    share w = sum over classes of p(class) p(its usual value). The prediction is
    w a(along) + (1 - w) a(against), from the accuracies on images of either kind; `route` says
    whether those against the class are seen or made. All else is taken to stay as it is. Each row
    of weights says how often an image counts. NaN where there is no image of a kind.
    """
    counted = weights * chosen
    along, against = cases.agrees.astype(float), 1.0 - cases.agrees
    if route == "seen":
        accuracy_against = _ratio(counted @ (cases.right * against), counted @ against)
    else:
        accuracy_against = _ratio(counted @ cases.changed_right, counted @ cases.changed)
    accuracy_along = _ratio(counted @ (cases.right * along), counted @ along)
    frequencies = _value_shares(cases, weights)[:, cases.usual]
    independent = _ratio((counted * frequencies).sum(axis=1), counted.sum(axis=1))
    return Outlook(
        accuracy=_ratio(counted @ cases.right, counted.sum(axis=1)),
        predicted=independent * accuracy_along + (1 - independent) * accuracy_against,
        agreement=_ratio(counted @ along, counted.sum(axis=1)),
        independent=independent,
    )


def _value_shares(cases: Cases, weights: Weights) -> Float[np.ndarray, "draws values"]:
    values = np.arange(max(cases.values.max(), cases.usual.max()) + 1)
    return _ratio(weights @ (cases.values[:, None] == values), weights.sum(axis=1)[:, None])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole)


def field_losses(
    readings: Readings,
    model: str,
    classes: Sequence[str],
    concepts: ConceptGroups,
    *,
    effects: Sequence[InterventionEffect],
    resamples: Positions,
) -> dict[str, FieldLoss]:
    """Per group the accuracy that its parting from the class would cost.

    Cases against the class are those that the encoder reads among the images, or else versions
    of images in which an exchange altered this group alone, or else versions by the changes that
    mostly alter this group. The counterfactual is the same
    from true attributes, where the images have them in all combinations.
    """
    read, told = read_values(readings, concepts), told_values(readings, concepts)
    right = predicted(readings, model) == label_numbers(readings, classes)
    result = {}
    for group in concepts.groups:
        asked = _Question(readings, classes, concepts, group)
        made = _made_by_exchange(asked, read[group.name], model)
        if np.count_nonzero(made[:, 0]) < FEWEST_IMAGES:
            variants = [effect.name for effect in effects if effect.removes == group.name]
            made = _made_cases(asked, read[group.name], model, variants)
        by_reading = asked.sample(read[group.name], right, made)
        by_truth = asked.sample(told[group.name], right, np.zeros_like(made))
        result[group.name] = _field_loss(by_reading, by_truth, classes, resamples)
    return result


@dataclass(frozen=True)
class _Sample:
    """The cases of one group by kind, and the kind of each image; the last kind is left out.

    `reason` says why there is nothing to ask; `cases` is then empty.
    """

    cases: Cases
    kinds: Numbers
    reason: str

    def weights(self, resamples: Positions) -> Float[np.ndarray, "draws kinds"]:
        """How many images of each kind there are in each resample."""
        kinds = len(self.cases.labels)
        counts = [np.bincount(self.kinds[rows], minlength=kinds + 1) for rows in resamples]
        return np.stack(counts)[:, :kinds].astype(float)

    def counts(self) -> Float[np.ndarray, "draws kinds"]:
        """How many images of each kind there are."""
        return self.weights(np.arange(len(self.kinds))[None])


@dataclass(frozen=True)
class _Question:
    """One group of one audit."""

    readings: Readings
    classes: Sequence[str]
    concepts: ConceptGroups
    group: ConceptGroup

    def sample(self, values: Numbers, right: Truths, made: np.ndarray) -> _Sample:
        """The labelled images of known value whose class a value goes with."""
        labels = label_numbers(self.readings, self.classes)
        usual = self.usual(values)
        wanted = np.array([usual.get(int(label), -1) for label in labels], dtype=int)
        kept = (labels >= 0) & (wanted >= 0) & (values >= 0)
        table = np.stack([labels, values, wanted, right, made[:, 0], made[:, 1]], axis=1)
        kinds, inverse = np.unique(table[kept], axis=0, return_inverse=True)
        numbers = np.full(len(labels), len(kinds))
        numbers[kept] = inverse.reshape(-1)
        cases = Cases(
            labels=kinds[:, 0],
            values=kinds[:, 1],
            usual=kinds[:, 2],
            right=kinds[:, 3] > 0,
            changed=kinds[:, 4].astype(float),
            changed_right=kinds[:, 5].astype(float),
        )
        return _Sample(cases, numbers, self._objection(labels, values, usual))

    def usual(self, values: Numbers) -> dict[int, int]:
        """Class -> the value that goes with it, among the images whose value is known."""
        labels = np.where(values >= 0, label_numbers(self.readings, self.classes), -1)
        return usual_values(
            values,
            labels,
            classes=self.classes,
            concepts=self.concepts,
            group=self.group.name,
        )

    def _objection(self, labels: Numbers, values: Numbers, usual: dict[int, int]) -> str:
        names = self.group.value_names
        if not (labels >= 0).any():
            return "no labels that the model knows"
        if not (values >= 0).any():
            return "the true values are not known"
        if len(set(usual.values())) < 2:
            return "its values do not go with the classes"
        if all(_alike(self.classes[c], names[value]) for c, value in usual.items()):
            return _THE_CLASS
        return ""


def _alike(first: str, second: str) -> bool:
    return first.strip().casefold() == second.strip().casefold()


Made = Int[np.ndarray, "images 2"]
"""Per image, versions read clearly with another value, and the right answers among them.

Clearly: as a value that occurs among the images, and no more faintly than nine tenths of the
images that have it. A digit without colour is neither a red nor a green one.
"""


def _made_by_exchange(asked: _Question, values: Numbers, model: str) -> Made:
    """The versions in which an exchange changed no other group's value."""
    place = asked.concepts.names.index(asked.group.name)
    before = read_positions(asked.readings, asked.concepts, ORIGINAL)
    made = np.zeros((len(before), 2), dtype=int)
    for variant in EXCHANGES.keys() & asked.readings.similarities.keys():
        after = np.stack(
            list(read_values(asked.readings, asked.concepts, variant).values()), axis=1
        )
        alone = changed_alone(before, after)[:, place]
        made += _made_cases(asked, values, model, [variant]) * alone[:, None]
    return made


def _made_cases(asked: _Question, values: Numbers, model: str, variants: Sequence[str]) -> Made:
    name = asked.group.name
    before = concept_features(asked.readings.similarities[ORIGINAL], asked.concepts)[name]
    faintest = _faintest(before, values)
    made = np.zeros((len(values), 2), dtype=int)
    labels, usual = label_numbers(asked.readings, asked.classes), asked.usual(values)
    wanted = np.array([usual.get(int(label), -1) for label in labels], dtype=int)
    for variant in variants:
        after = concept_features(asked.readings.similarities[variant], asked.concepts)[name]
        read = after.argmax(axis=1)
        parted = (values == wanted) & (read != wanted) & (after.max(axis=1) >= faintest[read])
        made[:, 0] += parted
        made[:, 1] += parted & (predicted(asked.readings, model, variant) == labels)
    return made


def _faintest(
    features: Float[np.ndarray, "images values"], values: Numbers
) -> Float[np.ndarray, " values"]:
    """Per value the tenth percentile of its feature where it is read; infinite where it is not."""
    return np.array(
        [
            np.quantile(features[values == place, place], FAINT)
            if (values == place).any()
            else np.inf
            for place in range(features.shape[1])
        ]
    )


def _field_loss(
    by_reading: _Sample, by_truth: _Sample, classes: Sequence[str], resamples: Positions
) -> FieldLoss:
    route, reason = _route(by_reading)
    counterfactual = _true_loss(by_truth, resamples)
    if route is None:
        unknown = Estimate(value=None, reason=reason)
        return FieldLoss(
            accuracy=unknown,
            predicted=unknown,
            loss=unknown,
            route=None,
            agreement=None,
            independent=None,
            counterfactual=counterfactual,
            per_class={},
        )
    cases = by_reading.cases
    counts, drawn = by_reading.counts(), by_reading.weights(resamples)
    everything = np.ones(len(cases.labels), dtype=bool)
    point = outlook(cases, counts, everything, route=route)
    draws = outlook(cases, drawn, everything, route=route)
    images = int(counts.sum())
    return FieldLoss(
        accuracy=_estimate(point.accuracy, draws.accuracy, images),
        predicted=_estimate(point.predicted, draws.predicted, images),
        loss=_estimate(point.loss, draws.loss, images),
        route=route,
        agreement=float(point.agreement[0]),
        independent=float(point.independent[0]),
        counterfactual=counterfactual,
        per_class=_by_class(by_reading, classes, drawn, route=route),
    )


def _route(sample: _Sample) -> tuple[Route | None, str]:
    """Where the cases against the class can come from, or why from nowhere."""
    if sample.reason:
        return None, sample.reason
    cases, (counts,) = sample.cases, sample.counts()
    along, against = counts @ cases.agrees, counts @ ~cases.agrees
    if along < FEWEST_IMAGES:
        return None, f"only {along:.0f} images have the value that goes with their class"
    whole = outlook(cases, counts[None], np.ones(len(counts), dtype=bool), route="seen")
    if against >= max(FEWEST_IMAGES, SEEN * (1 - whole.independent[0]) * counts.sum()):
        return "seen", ""
    if counts @ (cases.changed > 0) >= FEWEST_IMAGES:
        return "pixels", ""
    return None, (
        f"only {against:.0f} images go against the class, and changing the pixels makes too few"
    )


def _true_loss(sample: _Sample, resamples: Positions) -> Estimate:
    if sample.reason:
        return Estimate(value=None, reason=sample.reason)
    cases, (counts,) = sample.cases, sample.counts()
    fewest = min(counts @ cases.agrees, counts @ ~cases.agrees)
    if fewest < FEWEST_OF_A_KIND:
        return Estimate(value=None, reason="the true values hardly ever part from the class")
    everything = np.ones(len(counts), dtype=bool)
    point = outlook(cases, counts[None], everything, route="seen")
    draws = outlook(cases, sample.weights(resamples), everything, route="seen")
    return _estimate(point.loss, draws.loss, int(counts.sum()))


def _by_class(
    sample: _Sample, classes: Sequence[str], drawn: Weights, *, route: Route
) -> dict[str, Estimate]:
    """The loss in each class of 20 images or more, 10 of them of either kind."""
    cases, (counts,) = sample.cases, sample.counts()
    against = ~cases.agrees if route == "seen" else cases.changed > 0
    result = {}
    for number in np.unique(cases.labels):
        chosen = cases.labels == number
        images = int(counts[chosen].sum())
        fewest = min((counts * chosen) @ cases.agrees, (counts * chosen) @ against)
        if images >= FEWEST_IMAGES and fewest >= FEWEST_OF_A_KIND:
            point = outlook(cases, counts[None], chosen, route=route)
            draws = outlook(cases, drawn, chosen, route=route)
            result[classes[number]] = _estimate(point.loss, draws.loss, images)
    return result


def _estimate(point: Float[np.ndarray, " 1"], draws: Drawn, images: int) -> Estimate:
    """A figure with its interval; resamples without an image of some kind are left out."""
    return estimate(float(point[0]), draws[np.isfinite(draws)], images)
