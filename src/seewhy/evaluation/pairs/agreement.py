"""How much two maps of the same view agree."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import min_max

Maps = Float[Tensor, "batch rows cols"]
PerMap = Float[np.ndarray, " batch"]

_WINDOW = 7


def rank_correlation(first: Maps, second: Maps) -> PerMap:
    """Spearman's, -1 to 1, of each two maps; NaN where one is the same everywhere."""
    from scipy.stats import spearmanr

    return np.array(
        [
            np.nan
            if min(np.ptp(one), np.ptp(other)) == 0
            else spearmanr(one, other, axis=None).statistic
            for one, other in zip(first.numpy(), second.numpy(), strict=True)
        ]
    )


def structural_similarity(first: Maps, second: Maps) -> PerMap:
    """SSIM, -1 to 1, of each two maps, each scaled from 0 to 1 by its own range.

    In windows of 7 x 7, smaller where the maps are; below 3 x 3 it is refused.
    Source: Wang et al., Image quality assessment, 2004; scikit-image's implementation.
    """
    try:
        from skimage import metrics
    except ImportError as error:
        raise UsageError(
            "structural similarity needs scikit-image: pip install 'seewhy[metrics]'."
        ) from error
    measured: Callable[..., float] = metrics.structural_similarity
    shortest = min(first.shape[1:])
    if shortest < 3:
        raise UsageError(f"maps of {tuple(first.shape[1:])}; wanted at least 3 x 3.")
    window = min(_WINDOW, shortest - 1 + shortest % 2)
    pairs = zip(min_max(first).numpy(), min_max(second).numpy(), strict=True)
    return np.array(
        [measured(one, other, win_size=window, data_range=1.0) for one, other in pairs],
        dtype=np.float64,
    )
