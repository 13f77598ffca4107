"""Which caption, or which image, takes the place of each one's own: a control of both sources."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Int

from seewhy.base.errors import UsageError


def partners(truths: Sequence[Hashable], *, seed: int) -> Int[np.ndarray, " captions"]:
    """For each place another one whose truth differs; each is taken by exactly one.

    Places are ordered by chance within equal truths and shifted by as many as the most frequent
    truth has, which never meets an equal one as long as no truth has more than half of all.
    Raises `UsageError` where one has.
    """
    codes = {truth: number for number, truth in enumerate(dict.fromkeys(truths))}
    numbers = np.array([codes[truth] for truth in truths], dtype=np.int64)
    most = int(np.bincount(numbers).max()) if len(numbers) else 0
    if not len(numbers) or 2 * most > len(numbers):
        raise UsageError(
            f"{most} of {len(numbers)} captions have the same truth, so not every one can get "
            "another's. Shuffle more, and more different ones."
        )
    generator = np.random.default_rng(seed)
    chance = generator.permutation(len(numbers))
    groups = generator.permutation(len(codes))
    order = chance[np.argsort(groups[numbers[chance]], kind="stable")]
    found = np.empty(len(numbers), dtype=np.int64)
    found[order] = np.roll(order, -most)
    return found
