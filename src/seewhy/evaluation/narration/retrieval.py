"""Whether the reasons for similar inputs are all alike: the retrieval-based attack."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError

CUTS = (5, 10, 15)


@dataclass(frozen=True, eq=False)
class Sameness:
    """Mean similarity among the reasons of the first so many retrieved inputs, per query."""

    cuts: tuple[int, ...]
    per_query: Float[np.ndarray, "cuts queries"]

    @property
    def values(self) -> dict[int, float]:
        """The means over queries; 0 to 1, lower is more specific."""
        means = self.per_query.mean(axis=1)
        return {cut: float(mean) for cut, mean in zip(self.cuts, means, strict=True)}


def reason_sameness(
    embeddings: Float[np.ndarray, "queries retrieved dim"], *, cuts: Sequence[int] = CUTS
) -> Sameness:
    """Mean over pairs of the positive part of the cosine, among the first `cuts` of each query.

    Embeddings are those of the reasons, best match first; they need not be of unit length, and
    one of length 0 is like nothing. Lower is better, but noise scores best: read it beside the
    other scores. The published code calls it a distance.
    """
    retrieved = embeddings.shape[1]
    if not embeddings.shape[0] or not cuts or not 2 <= min(cuts) <= max(cuts) <= retrieved:
        raise UsageError(
            f"{embeddings.shape[0]} queries with {retrieved} reasons each cannot be cut at "
            f"{tuple(cuts)}. Wanted are cuts from 2 to the number of reasons, and a query."
        )
    wide = embeddings.astype(np.float64)
    norms = np.linalg.norm(wide, axis=-1, keepdims=True)
    unit = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0)
    similar = np.maximum(unit @ unit.swapaxes(1, 2), 0)
    rows = [similar[:, *np.triu_indices(cut, k=1)].mean(axis=1) for cut in cuts]
    return Sameness(tuple(cuts), np.array(rows))


def distinct_inputs(retrieved: Sequence[Sequence[Hashable]]) -> list[int]:
    """How many different inputs each query retrieved; repeated ones raise the sameness."""
    return [len(set(each)) for each in retrieved]
