"""Checks whose answer is known: untrained copies of a model, and what they allow to say."""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats

from seewhy.models.classifiers import Classifier
from seewhy.models.protocols import ClassifierLike

_LEAST_SPREAD = 0.5
_NOTHING = 1e-4


def untrained_copies(model: ClassifierLike, *, count: int, seed: int) -> tuple[Classifier, ...]:
    """Copies of a model that have forgotten what it learned; the model itself is not touched.

    Every weight tensor is shuffled and running statistics are reset. A model whose weights were
    never trained is then one more draw of the same kind as its copies, whatever its initialiser;
    drawing weights anew by each layer's default would not be (docs/methods/audit.md).
    """
    return tuple(_forgetful(model, seed=seed + 1 + number) for number in range(count))


def _forgetful(model: ClassifierLike, *, seed: int) -> Classifier:
    module = copy.deepcopy(model.module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            for parameter in part.parameters(recurse=False):
                order = torch.randperm(parameter.numel(), generator=generator)
                parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
            reset = getattr(part, "reset_running_stats", None)
            if callable(reset):
                reset()
    return Classifier(
        module, preprocess=model.preprocess, classes=list(model.classes), name=model.name
    )


def exceedance(observed: float, null: Sequence[float]) -> float:
    """Chance that one more draw of the null is at least `observed` (one-sided).

    Prediction interval of Student's t on the logarithm; the null's standard deviation counts at
    least 0.5 (a factor of 1.6), since few draws can agree by luck. Values below 1e-4 count as
    1e-4: how much smaller than nothing they are says nothing.
    """
    logs = np.log(np.maximum(np.array(null, dtype=float), _NOTHING))
    spread = max(float(logs.std(ddof=1)), _LEAST_SPREAD) * math.sqrt(1 + 1 / len(logs))
    distance = (math.log(max(observed, _NOTHING)) - float(logs.mean())) / spread
    return float(stats.t.sf(distance, df=len(logs) - 1))
