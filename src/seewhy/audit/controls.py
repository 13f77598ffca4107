"""Checks whose answer is known: untrained copies of a model, and what they allow to say."""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import nn

from seewhy.models.classifiers import Classifier
from seewhy.models.protocols import ClassifierLike

_LEAST_SPREAD = 0.5


def untrained_copies(model: ClassifierLike, *, count: int, seed: int) -> tuple[Classifier, ...]:
    """Copies of a model whose weights are drawn anew; the model itself is not touched.

    Modules that can (`reset_parameters`) initialise themselves; weights of other modules are
    shuffled within their tensor, which destroys what was learned and keeps the distribution.
    """
    return tuple(_untrained(model, seed=seed + 1 + number) for number in range(count))


def _untrained(model: ClassifierLike, *, seed: int) -> Classifier:
    module = copy.deepcopy(model.module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for part in module.modules():
            _forget(part)
    return Classifier(
        module, preprocess=model.preprocess, classes=list(model.classes), name=model.name
    )


def _forget(part: nn.Module) -> None:
    reset = getattr(part, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    for parameter in part.parameters(recurse=False):
        flat = parameter.flatten()
        parameter.copy_(flat[torch.randperm(flat.numel())].view_as(parameter))


def exceedance(observed: float, null: Sequence[float]) -> float:
    """Chance that one more draw of the null is at least `observed` (one-sided).

    Prediction interval of Student's t on the logarithm; the null's standard deviation counts at
    least 0.5 (a factor of 1.6), since few draws can agree by luck. Values that are not positive
    count as 1e-9.
    """
    logs = np.log(np.maximum(np.array(null, dtype=float), 1e-9))
    spread = max(float(logs.std(ddof=1)), _LEAST_SPREAD) * math.sqrt(1 + 1 / len(logs))
    distance = (math.log(max(observed, 1e-9)) - float(logs.mean())) / spread
    return float(stats.t.sf(distance, df=len(logs) - 1))
