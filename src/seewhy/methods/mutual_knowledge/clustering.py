"""K-means that is the same every time: seeded, with several starts, never an empty cluster."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

_MOST_ROUNDS = 500
_STILL = 1e-4

TokenRows = Float[Tensor, "tokens dim"]
Centres = Float[Tensor, "clusters dim"]


@dataclass(frozen=True)
class Clusters:
    """Cluster of each row, centres, and the mean squared distance of a row to its centre."""

    labels: Int[Tensor, " tokens"]
    centres: Centres
    spread: float


def k_means(
    rows: TokenRows,
    count: int,
    *,
    seed: int = 0,
    starts: int = 4,
    init: Int[Tensor, " clusters"] | None = None,
) -> Clusters:
    """The tightest of several runs of Lloyd's rounds, each from k-means++ centres.

    Rounds end when the square of the summed shifts of centres is below 1e-4, or after 500. A
    cluster that loses all its rows gets the row that lies farthest from its centre. Of fewer
    distinct rows than `count` there are as many clusters as distinct rows. With `init`, the
    indices of the rows that are the first centres, there is one run from these, as published.

    Source: Arthur and Vassilvitskii, k-means++, SODA 2007.
    """
    if init is not None:
        return _lloyd(rows, rows[init])
    if len(rows) == 0:
        return Clusters(torch.zeros(0, dtype=torch.long, device=rows.device), rows, 0.0)
    distinct = torch.unique(rows, dim=0)
    count = min(count, len(distinct))
    generator = torch.Generator().manual_seed(seed)
    runs = [_lloyd(rows, _spread_out(distinct, count, generator)) for _ in range(starts)]
    return min(runs, key=lambda run: run.spread)


def _lloyd(rows: TokenRows, centres: Centres) -> Clusters:
    for _ in range(_MOST_ROUNDS):
        distances = _distances(rows, centres)
        labels = _filled(distances, distances.argmin(dim=1))
        moved = _means(rows, labels, len(centres))
        shift = float((moved - centres).norm(dim=1).sum())
        centres = moved
        if shift**2 < _STILL:
            break
    spread = float((rows - centres[labels]).square().sum(dim=1).mean())
    return Clusters(labels, centres, spread)


def _distances(rows: TokenRows, centres: Centres) -> Float[Tensor, "tokens clusters"]:
    return torch.cdist(rows, centres, compute_mode="donot_use_mm_for_euclid_dist")


def _filled(
    distances: Float[Tensor, "tokens clusters"], labels: Int[Tensor, " tokens"]
) -> Int[Tensor, " tokens"]:
    """Every empty cluster gets the row farthest from its centre, of clusters that can spare one."""
    clusters = distances.shape[1]
    sizes = labels.bincount(minlength=clusters)
    for empty in (sizes == 0).nonzero().flatten().tolist():
        own = distances.gather(1, labels[:, None])[:, 0]
        farthest = own.masked_fill(sizes[labels] < 2, -1).argmax()
        labels = labels.clone()
        labels[farthest] = empty
        sizes = labels.bincount(minlength=clusters)
    return labels


def _means(rows: TokenRows, labels: Int[Tensor, " tokens"], clusters: int) -> Centres:
    sums = rows.new_zeros(clusters, rows.shape[1]).index_add_(0, labels, rows)
    return sums / labels.bincount(minlength=clusters)[:, None]


def _spread_out(rows: TokenRows, count: int, generator: torch.Generator) -> Centres:
    """Rows drawn one by one, the likelier the farther they are from those drawn before."""
    chosen = [int(torch.randint(len(rows), (), generator=generator))]
    nearest = _distances(rows, rows[chosen])[:, 0]
    while len(chosen) < count:
        weights = nearest.double().square().cpu()
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        nearest = torch.minimum(nearest, _distances(rows, rows[chosen[-1:]])[:, 0])
    return rows[chosen]
