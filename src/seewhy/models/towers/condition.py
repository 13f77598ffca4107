"""Whether a tower's weights and mode allow any reading at all."""

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from seewhy.base.errors import UsageError
from seewhy.models.towers.parts import Tower

_RATES = ("p", "prob", "drop_prob", "dropout")


def refuse_unreadable(visual: nn.Module, name: str) -> None:
    """Raise `UsageError` for weights that are not there, or are no floating-point numbers."""
    for parameter, value in visual.named_parameters():
        if value.is_meta:
            raise UsageError(
                f"{name} has no weights yet: {parameter} is on the meta device. Load them first, "
                "for example by `module.to_empty(device='cpu')` and `module.load_state_dict`."
            )
        if not value.is_floating_point():
            raise UsageError(
                f"{name} is quantised: {parameter} is {value.dtype}. Load it in float32, float16 "
                "or bfloat16."
            )
    for submodule, child in visual.named_modules():
        if submodule and "_orig_mod" in child._modules:
            raise UsageError(
                f"the part {submodule} of {name} is compiled by itself. Give the encoder as it was "
                "before `torch.compile`, or compile the whole tower."
            )


def refuse_training(tower: Tower) -> None:
    """Raise `UsageError` where the tower's mode makes it random, or images change each other."""
    for submodule, child in tower.visual.named_modules():
        if child.training and _depends_on_chance_or_batch(child):
            raise UsageError(
                f"{tower.name} is in training mode, where its {submodule} "
                f"({type(child).__name__}) makes results depend on chance or on the rest of the "
                "batch. Put it in evaluation mode: `encoder.module.eval()`."
            )


def _depends_on_chance_or_batch(module: Any) -> bool:
    if isinstance(module, _NormBase):
        return True
    rates = (getattr(module, name, 0.0) for name in _RATES)
    return any(isinstance(rate, float | int) and rate > 0 for rate in rates)
