"""The row of evidence that asks by counterfactuals: other values, all else kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.audit.evidence import (
    CONSTANT,
    FEWEST_IMAGES,
    Shares,
    estimates,
    leading_row,
    silent,
)
from seewhy.audit.flips import FEWEST_CHANGED, Flips, count_flips, joined
from seewhy.audit.pixels.exchanges import EXCHANGES
from seewhy.audit.readings import ORIGINAL, Readings, read_values
from seewhy.audit.schema import Estimate
from seewhy.data.concepts import ConceptGroups

_USEFUL = 0.1
_UNCHANGED = f"fewer than {FEWEST_CHANGED} images could be given another value and nothing else"


@dataclass(frozen=True)
class CounterfactualRow:
    """The row, and the counts behind it."""

    shares: Shares
    flips: Flips


def counterfactual_row(
    readings: Readings,
    model: str,
    concepts: ConceptGroups,
    *,
    resamples: Int[np.ndarray, "resamples images"],
) -> CounterfactualRow:
    """How many answers flip when an image takes another value of a group and keeps the rest.

    Versions count by what the encoder reads in them: those in which this group's value changed
    and no other's. Values exchanged between the images come first; changes of the whole picture
    fill in for groups that no exchange reaches. A group that does not vary in the images cannot
    be what tells them apart and is not measured.
    """
    flips = answer_flips(readings, model, concepts)
    names = list(concepts.names)
    measured = flips.measured
    if len(readings) < FEWEST_IMAGES or not measured.any():
        reason = "too few images" if len(readings) < FEWEST_IMAGES else _UNCHANGED
        return CounterfactualRow(silent("counterfactuals", names, reason), flips)
    points = np.where(measured, flips.shares, 0.0)
    draws = _draws(flips, resamples) * measured[:, None]
    shares = estimates(names, points, draws, len(readings))
    for name, is_measured, varies in zip(names, measured, flips.varies, strict=True):
        if not is_measured:
            shares[name] = Estimate(value=None, reason=_UNCHANGED if varies else CONSTANT)
    shares = {
        name: share.model_copy(update={"images": int((row > 0).sum())})
        for (name, share), row in zip(shares.items(), flips.changed, strict=True)
    }
    row = leading_row("counterfactuals", shares, draws, votes=True, note=_note(names, flips))
    return CounterfactualRow(
        Shares(
            row=row,
            points=points,
            draws=draws,
            known=tuple(measured.tolist()),
            p_values=flips.p_values(),
            constant=tuple((~flips.varies).tolist()),
        ),
        flips,
    )


def answer_flips(readings: Readings, model: str, concepts: ConceptGroups) -> Flips:
    """What followed which group; exchanges first, other changes where those do not reach."""
    changed = [name for name in readings.similarities if name != ORIGINAL]
    exchanged = [name for name in changed if name in EXCHANGES]
    others = [name for name in changed if name not in EXCHANGES]
    return joined(
        _counted(readings, model, concepts, exchanged), _counted(readings, model, concepts, others)
    )


def useful(readings: Readings, concepts: ConceptGroups) -> set[str]:
    """The changes that, in a tenth of the images or more, alter one group's value alone."""
    before = read_positions(readings, concepts, ORIGINAL)
    reached = set()
    for name in readings.similarities:
        differs = read_positions(readings, concepts, name) != before
        if (differs.sum(axis=1) == 1).mean() >= _USEFUL:
            reached.add(name)
    return reached


def exchange_reach(readings: Readings, concepts: ConceptGroups) -> tuple[int, int]:
    """Versions by exchange in which one group's value changed alone, and in which any did."""
    before = read_positions(readings, concepts, ORIGINAL)
    alone = reached = 0
    for name in EXCHANGES.keys() & readings.similarities.keys():
        groups = (read_positions(readings, concepts, name) != before).sum(axis=1)
        alone += int((groups == 1).sum())
        reached += int((groups > 0).sum())
    return alone, reached


def read_positions(
    readings: Readings, concepts: ConceptGroups, variant: str
) -> Int[np.ndarray, "images groups"]:
    """Position of each image's value per group, in the groups' order, as the encoder reads it."""
    return np.stack(list(read_values(readings, concepts, variant).values()), axis=1)


def _counted(
    readings: Readings, model: str, concepts: ConceptGroups, variants: Sequence[str]
) -> Flips:
    logits = readings.logits[model]
    answers = logits[ORIGINAL].argmax(axis=1)
    return count_flips(
        read_positions(readings, concepts, ORIGINAL),
        [read_positions(readings, concepts, variant) for variant in variants],
        [logits[variant].argmax(axis=1) != answers for variant in variants],
    )


def _draws(
    flips: Flips, resamples: Int[np.ndarray, "resamples images"]
) -> Float[np.ndarray, "groups resamples"]:
    """Flips per change in each bootstrap resample of the images."""
    rows = zip(flips.flipped, flips.changed, strict=True)
    return np.stack(
        [
            flipped[resamples].sum(axis=1) / np.maximum(changed[resamples].sum(axis=1), 1)
            for flipped, changed in rows
        ]
    )


def _note(names: Sequence[str], flips: Flips) -> str:
    counts = ", ".join(
        f"{name} {int(count)}"
        for name, count, known in zip(names, flips.changed.sum(axis=1), flips.measured, strict=True)
        if known
    )
    constant = [name for name, varies in zip(names, flips.varies, strict=True) if not varies]
    return (
        f"Changed images in which only one concept changed: {counts}. Where none changed, "
        f"{flips.placebo:.0%} of the answers flipped."
        + (f" Not varying in your images: {', '.join(constant)}." if constant else "")
    )
