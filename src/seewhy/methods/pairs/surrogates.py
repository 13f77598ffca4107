"""Linear models of a similarity: one weight per pixel and colour of a small image."""

import warnings
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError

Rows = Float[Tensor, "samples inputs"]
Labels = Float[Tensor, " samples"]

_CHECK_EVERY = 20
_AT_ONCE = 30
_ROUNDS = 100
_NO_SPREAD = 1e-6
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The logit of a similarity is `weights` times a small image's values, plus `bias`.

    `is_solved` is false where the solver stopped at its last step.
    """

    weights: Float[Tensor, " inputs"]
    bias: Float[Tensor, ""]
    is_solved: bool = True

    def predict(self, rows: Rows) -> Labels:
        """Similarities from 0 to 1."""
        return (rows @ self.weights.to(rows) + self.bias.to(rows)).sigmoid()


@dataclass(frozen=True)
class SparseFit:
    """The solution of logistic regression with an L1 penalty, to within `tolerance` of it.

    The penalty is a `share` of the least one that leaves no weight. The bias is free. `steps` are
    those of a round, in which some of the weights are solved for.
    """

    share: float = 0.1
    steps: int = 5000
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or self.steps < 1 or self.tolerance <= 0:
            raise UsageError(f"a share between 0 and 1, steps and a tolerance are needed: {self}.")


@dataclass(frozen=True)
class DescentFit:
    """Plain gradient descent on all samples at once, as published.

    `penalty` is that of absolute weights and bias, `part_weight` that of the mean squared distance
    to the second labels, of which `components` non-negative factors are the source. The summed
    loss makes the published rate oscillate, and subgradients never give zeros: `SparseFit` does
    not share these faults.
    """

    rate: float = 0.1
    steps: int = 1000
    penalty: float = 0.2
    part_weight: float = 0.0
    components: int = 10

    def __post_init__(self) -> None:
        if self.rate <= 0 or min(self.steps, self.components) < 1:
            raise UsageError(f"a rate above 0, steps and components are needed: {self}.")


@dataclass(frozen=True, eq=False)
class _Problem:
    """Sum of the logistic losses, plus `penalty` times the absolute weights; the bias is free."""

    rows: Rows
    aims: Labels
    penalty: float

    def restricted(self, chosen: Bool[Tensor, " inputs"]) -> "_Problem":
        """The same for some of the inputs."""
        return _Problem(self.rows[:, chosen], self.aims, self.penalty)

    def violations(self, found: Surrogate) -> Float[Tensor, " inputs"]:
        """How far each weight's slope is from that of a minimum."""
        slopes = self.rows.T @ (found.predict(self.rows) - self.aims)
        return _violations(found.weights, slopes, torch.full_like(slopes, self.penalty))


def small_images(images: Pixels, side: int) -> Float[Tensor, "batch 3 side side"]:
    """Brought to `side` x `side` pixels, bilinear, smoothed before."""
    return functional.interpolate(
        images, (side, side), mode="bilinear", align_corners=False, antialias=True
    )


def part_labels(
    embeddings: Float[Tensor, "samples embed"], *, components: int, seed: int = 0
) -> Labels:
    """How strongly each sample holds non-negative parts of all embeddings, mean over the parts.

    Negative values of the embeddings count as zero. The factorisation is scikit-learn's from a
    random start, with at most 200 steps as published, whether it is done by then or not.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    parts = NMF(components, init="random", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        shares = parts.fit_transform(embeddings.relu().cpu().numpy())
    return torch.from_numpy(shares.mean(axis=1)).to(embeddings)


def descended(
    rows: Rows,
    labels: Labels,
    start: Surrogate,
    *,
    how: DescentFit,
    second_labels: Labels | None = None,
) -> Surrogate:
    """The surrogate after the steps of the descent; raises `DataError` if it has diverged."""
    weights, bias = (value.clone() for value in (start.weights, start.bias))
    for _ in range(how.steps):
        weights.requires_grad_()
        bias.requires_grad_()
        logits = rows @ weights + bias
        loss = functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        loss = loss + how.penalty * (weights.abs().sum() + bias.abs())
        if second_labels is not None:
            distance = (logits.sigmoid() - second_labels).square().mean()
            loss = loss + how.part_weight * distance
        slopes = torch.autograd.grad(loss, (weights, bias))
        weights, bias = (
            (value - how.rate * slope).detach()
            for value, slope in zip((weights, bias), slopes, strict=True)
        )
    if not weights.isfinite().all():
        raise DataError("non_finite", f"the fit diverged at a rate of {how.rate:g}. Lower it.")
    return Surrogate(weights, bias)


def drawn_start(inputs: int, *, seed: int = 0) -> Surrogate:
    """Uniform within 1 / sqrt(inputs) around zero, as torch starts a linear layer."""
    generator = torch.Generator().manual_seed(seed)
    drawn = (2 * torch.rand(inputs + 1, generator=generator) - 1) / inputs**0.5
    return Surrogate(drawn[:-1], drawn[-1])


def sparsest(rows: Rows, labels: Labels, *, how: SparseFit) -> Surrogate:
    """Logistic regression on labels from 0 to 1 with few weights, in proximal steps.

    Labels outside are moved to the nearest bound, for below zero the loss has no minimum. Labels
    that are all the same give zeros.
    """
    aims = labels.double().clamp(0, 1)
    middle = aims.mean().clamp(_LEAST, 1 - _LEAST)
    inputs = rows.double()
    means = inputs.mean(dim=0)
    centred = inputs - means
    strongest = (centred.T @ (aims - aims.mean())).abs().max()
    if aims.max() - aims.min() < _NO_SPREAD or strongest == 0:
        return Surrogate(rows.new_zeros(rows.shape[1]), middle.logit().to(rows))
    problem = _Problem(centred, aims, float(how.share * strongest))
    start = Surrogate(centred.new_zeros(centred.shape[1]), middle.logit())
    solved = _solved(problem, start, how=how)
    bias = solved.bias - means @ solved.weights
    return Surrogate(solved.weights.to(rows), bias.to(rows), solved.is_solved)


def _solved(problem: _Problem, start: Surrogate, *, how: SparseFit) -> Surrogate:
    """Solved for few weights at a time: those in use and the ones that violate most.

    Most weights stay zero, so rounds are small and their number is too.
    """
    found = start
    for _ in range(_ROUNDS):
        violations = problem.violations(found)
        if violations.max() <= how.tolerance * problem.penalty:
            return found
        worst = torch.zeros_like(found.weights, dtype=torch.bool)
        worst[violations.topk(min(_AT_ONCE, len(violations))).indices] = True
        chosen = (worst & (violations > 0)) | (found.weights != 0)
        part = problem.restricted(chosen)
        inner = _proximal(part, replace(found, weights=found.weights[chosen]), how=how)
        weights = torch.zeros_like(found.weights)
        weights[chosen] = inner.weights
        found = replace(inner, weights=weights)
        if not inner.is_solved:
            return found
    return replace(found, is_solved=False)


def _proximal(problem: _Problem, start: Surrogate, *, how: SparseFit) -> Surrogate:
    """FISTA with restarts; the bias is a last weight without a penalty, on a scale like theirs.

    Source: Beck and Teboulle, SIAM Journal on Imaging Sciences 2009; O'Donoghue and Candes,
    Foundations of Computational Mathematics 2015 (restarts).
    """
    rows, penalty = problem.rows, problem.penalty
    curvature = torch.linalg.matrix_norm(rows, ord=2).square().clamp(min=1e-12)
    unit = (curvature / len(rows)).sqrt()
    matrix = torch.cat([rows, unit.expand(len(rows), 1)], dim=1)
    step = 4 / curvature
    thresholds = rows.new_full((matrix.shape[1],), penalty)
    thresholds[-1] = 0
    found = torch.cat([start.weights, (start.bias / unit)[None]])
    ahead, pace, is_solved = found, 1.0, False
    for number in range(how.steps):
        slope = matrix.T @ ((matrix @ ahead).sigmoid() - problem.aims)
        moved = _shrunk(ahead - step * slope, step * thresholds)
        if ((ahead - moved) @ (moved - found)) > 0:
            pace = 1.0
        faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead = moved + (pace - 1) / faster * (moved - found)
        found, pace = moved, faster
        if number % _CHECK_EVERY == 0:
            slope = matrix.T @ ((matrix @ found).sigmoid() - problem.aims)
            worst = _violations(found, slope, thresholds).max()
            is_solved = bool(worst <= how.tolerance * penalty / 2)
            if is_solved:
                break
    return Surrogate(found[:-1], found[-1] * unit, is_solved)


def _shrunk(values: Tensor, by: Tensor) -> Tensor:
    return values.sign() * (values.abs() - by).clamp(min=0)


def _violations(found: Tensor, slopes: Tensor, thresholds: Tensor) -> Tensor:
    """How far the slopes are from those of a minimum."""
    at_zero = (slopes.abs() - thresholds).clamp(min=0)
    elsewhere = (slopes + thresholds * found.sign()).abs()
    return torch.where(found == 0, at_zero, elsewhere)
