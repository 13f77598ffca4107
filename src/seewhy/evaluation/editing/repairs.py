"""What editing mended and broke in captions whose truth and faults are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.weighted import Figures, Interval, PerClass, RowMeans, Weights, intervals

RESAMPLES = 1000

PerCaption = Float[np.ndarray, " captions"]


@dataclass(frozen=True)
class KnownEdit:
    """A caption before and after, its truth, and the kinds of faults on both sides.

    `faults` were there before, as they were planted, and `seen` of them can be told from the
    words; `left` can be told from the words after. Planted faults that cannot be told count as
    mended only when the whole caption is right.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    truth: tuple[str, ...]
    faults: frozenset[str]
    seen: frozenset[str]
    left: frozenset[str]

    @property
    def is_exact(self) -> bool:
        """Whether the caption is the truth word for word."""
        return self.after == self.truth

    def is_mended(self, kind: str) -> bool:
        """Whether a fault of before is gone."""
        return self.is_exact or (kind in self.seen and kind not in self.left)

    def is_broken(self, kind: str) -> bool:
        """Whether there is a fault that was not there before."""
        return kind in self.left and kind not in self.faults | self.seen


@dataclass(frozen=True, eq=False)
class KindRepairs:
    """Of captions with a fault of a kind the share mended; of all others the share broken."""

    faulty: int
    mended: Interval
    broken: Interval
    gain: Interval


@dataclass(frozen=True, eq=False)
class Repairs:
    """Shares with intervals over captions.

    `figures` are "exact", "exact before", their difference "gain", "clean kept" (of captions
    without fault) and "repaired" (of those with one, the share that is exact afterwards).
    """

    captions: int
    figures: Mapping[str, Interval]
    kinds: Mapping[str, KindRepairs]


def repairs(
    edits: Sequence[KnownEdit],
    *,
    kinds: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Repairs:
    """What was mended and broken, in all and by kind; NaN where there is nothing to count.

    Raises `UsageError` without an edit.
    """
    if not edits:
        raise UsageError("no edited caption came; repairs are counted over one or more.")
    own = np.arange(len(edits))
    drawn = {"resamples": resamples, "seed": seed}
    figures = intervals(RowMeans(own, _figures(edits)), len(edits), **drawn)
    return Repairs(len(edits), figures, {kind: _of_kind(edits, kind, **drawn) for kind in kinds})


def _figures(edits: Sequence[KnownEdit]) -> dict[str, PerCaption]:
    exact, before, faulty = (
        np.array(values, dtype=np.float64)
        for values in (
            [each.is_exact for each in edits],
            [each.before == each.truth for each in edits],
            [bool(each.faults) for each in edits],
        )
    )
    return {
        "exact": exact,
        "exact before": before,
        "gain": exact - before,
        "clean kept": np.where(faulty == 0, exact, np.nan),
        "repaired": np.where(faulty == 1, exact, np.nan),
    }


def _of_kind(edits: Sequence[KnownEdit], kind: str, *, resamples: int, seed: int) -> KindRepairs:
    faulty = np.array([kind in each.faults for each in edits])
    mended = np.array([each.is_mended(kind) for each in edits], dtype=np.float64)
    broken = np.array([each.is_broken(kind) for each in edits], dtype=np.float64)
    rates = Rates(np.where(faulty, mended, np.nan), np.where(faulty, np.nan, broken))
    found = intervals(rates, len(edits), resamples=resamples, seed=seed)
    return KindRepairs(int(faulty.sum()), *(found[name] for name in rates.names))


@dataclass(frozen=True, eq=False)
class Rates:
    """A share of some captions, a share of the others, and the first minus the second."""

    mended: PerCaption
    broken: PerCaption

    @property
    def names(self) -> tuple[str, ...]:
        """The three of them."""
        return ("mended", "broken", "gain")

    def __call__(self, weights: Weights) -> Figures:
        """The shares; NaN where nobody counts."""
        means = RowMeans(np.arange(len(weights)), {"mended": self.mended, "broken": self.broken})(
            weights
        )
        return np.array([*means, means[0] - means[1]])

    def by_class(self, _weights: Weights) -> Mapping[str, PerClass]:
        """None."""
        return {}
