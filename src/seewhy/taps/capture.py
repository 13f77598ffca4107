"""Reading tensors inside a model."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from seewhy.taps.hooks import on_outputs


@contextmanager
def capture(module: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """The outputs of submodules during one forward pass, by name, in the order of the calls.

    They are copies, so that what follows in place, such as a ReLU, does not alter them. Where
    gradients are recorded, the copy lies on the path to the model's output.
    Raises `UsageError` for submodules that are unknown, uncalled, called twice or give no tensor.
    """
    tensors: dict[str, Tensor] = {}
    with on_outputs(module, {name: partial(_keep, name, tensors) for name in names}):
        yield tensors


def _keep(name: str, tensors: dict[str, Tensor], output: Tensor) -> Tensor | None:
    if torch.is_grad_enabled():
        tensors[name] = output.clone()
        return tensors[name].clone()
    # Tensors made in inference mode could not be changed in place, or differentiated, later.
    with torch.inference_mode(mode=False):
        tensors[name] = output.clone()
    return None
