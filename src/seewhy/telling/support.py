"""Whether a dual encoder sees a thing in an image, where it says, and not something else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from seewhy.telling.contrasts import Contrasts
from seewhy.telling.entries import Verdict

Maps = Float[np.ndarray, "texts rows cols"]
OneMap = Float[np.ndarray, "rows cols"]
Cells = Bool[np.ndarray, "rows cols"]

TOP = 0.05
"""The share of the patches that count as the top of a map."""

LEAD = 0.25
"""A lead above this is seen, one below its negative is not; between the two is no verdict.

Of things in drawn scenes of one to four objects, `embedded:clip-objects` puts about 1 in 100 on
the wrong side.
"""

RANKS = (0.5, 0.95)
"""Beside a bank of concepts: below the first rank a thing is not seen, from the second on it is."""

HEIGHTS = (0.65, 0.8)
"""Below the first height a thing lies elsewhere, from the second on where it is said to lie."""


USED = 0.1
"""Falls of a sentence's log-probability that differ by less say nothing."""


@dataclass(frozen=True)
class Presence:
    """How a text stands among its contrasts; `rival` is the best of them.

    `lead` is the distance to the rival in standard deviations of the contrasts, None where these
    are all the same; `rank` the share of contrasts that are lower, 0 to 1.
    """

    lead: float | None
    rank: float
    rival: str
    is_exclusive: bool

    @property
    def is_seen(self) -> bool | None:
        """None where it cannot be told."""
        if not self.is_exclusive:
            low, high = RANKS
            return True if self.rank >= high else (False if self.rank < low else None)
        if self.lead is None or abs(self.lead) <= LEAD:
            return None
        return self.lead > 0


@dataclass(frozen=True)
class Findings:
    """All that was found about a thing; what was not asked is None.

    `is_used` says whether the narrator's sentence needs the region more than other places.
    """

    presence: Presence | None = None
    height: float | None = None
    is_used: bool | None = None


def top_cells(values: OneMap) -> Cells:
    """The highest cells of a map, `TOP` of all but at least one; the first of equal ones."""
    count = max(round(TOP * values.size), 1)
    chosen = np.zeros(values.size, dtype=bool)
    chosen[np.argsort(-values.ravel(), kind="stable")[:count]] = True
    return chosen.reshape(values.shape)


def presence(
    maps: Maps,
    whole: Float[np.ndarray, " texts"],
    texts: Sequence[str],
    *,
    text: str,
    contrasts: Contrasts,
) -> Presence | None:
    """Where the text's own map is highest: is it ahead of its contrasts there?

    A text scores the mean of its map at these cells, and its cosine with the whole image: the
    first tells objects apart that are in one image, the second objects and their background. None
    where a contrast is missing to compare with.
    """
    place = {each: number for number, each in enumerate(texts)}
    others = [each for each in contrasts.texts if each in place and each != text]
    if text not in place or not others:
        return None
    cells = top_cells(maps[place[text]])
    scores = maps[:, cells].mean(axis=1) + whole
    found = np.array([scores[place[each]] for each in others])
    own, best, spread = float(scores[place[text]]), int(found.argmax()), float(found.std())
    return Presence(
        lead=(own - float(found[best])) / spread if spread > 0 else None,
        rank=float((found < own).mean()),
        rival=others[best],
        is_exclusive=contrasts.is_exclusive,
    )


def place_cells(place: str, shape: tuple[int, int]) -> Cells:
    """The cells of a half or a quarter, such as "left" or "top left"."""
    rows, cols = (np.arange(count) + 0.5 for count in shape)
    chosen = np.ones(shape, dtype=bool)
    for word in place.split():
        side, count, first = (rows, shape[0], "top") if word in ("top", "bottom") else (
            cols, shape[1], "left")  # fmt: skip
        is_first = side < count / 2
        here = is_first if word == first else ~is_first
        chosen &= here[:, None] if word in ("top", "bottom") else here[None]
    return chosen


def height(values: OneMap, cells: Cells) -> float | None:
    """The top of a map within some cells over its top anywhere, both above its median.

    Half as many cells count within as anywhere, so it can be above 1. None for a map without a
    top.
    """
    count = max(round(TOP * values.size), 1)
    middle = float(np.median(values))
    top = float(np.sort(values.ravel())[-count:].mean()) - middle
    within = float(np.sort(values[cells])[-max(count // 2, 1) :].mean()) - middle
    return within / top if top > 0 and math.isfinite(within) else None


def is_used(fall: float, elsewhere: float) -> bool | None:
    """Whether hiding a region costs more than hiding other places; None where it is the same."""
    return None if abs(fall - elsewhere) <= USED else fall > elsewhere


def verdict_of(findings: Findings, *, is_negated: bool) -> tuple[Verdict, str]:
    """What the findings come to, and why in a few words."""
    found = findings.presence
    if found is None:
        return "undecided", "there is nothing to compare it with"
    rival = f"{found.rival!r}" if found.is_exclusive else "half of the concepts"
    if found.is_seen is None:
        return "undecided", f"the encoder hardly tells it from {found.rival!r}"
    if is_negated:
        if found.is_seen:
            return "not supported", "the encoder sees what is said to be missing"
        return "supported", "the encoder does not see it, as is said"
    if not found.is_seen:
        return "not supported", f"the encoder sees rather {rival}"
    return _where(findings)


def _where(findings: Findings) -> tuple[Verdict, str]:
    """Of something that is seen."""
    low, high = HEIGHTS
    if findings.height is not None and findings.height < low:
        return "not supported", "the encoder sees it, but not at the place that is named"
    if findings.height is not None and findings.height < high:
        return "undecided", "the encoder sees it, but whether at the place that is named is open"
    if findings.is_used is False:
        return "undecided", "the encoder sees it, but the sentence rests on other places"
    if findings.is_used:
        return "supported", "the encoder sees it where the sentence rests on the image"
    return "supported", "the encoder sees it"


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """One that is not supported is enough; supported are all or none."""
    if "not supported" in verdicts:
        return "not supported"
    return "supported" if verdicts and set(verdicts) == {"supported"} else "undecided"
