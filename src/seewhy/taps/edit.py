"""Rewriting tensors inside a model."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.taps.hooks import on_outputs

Rewrite = Callable[[Tensor], Tensor]


@contextmanager
def edit(module: nn.Module, rewrites: Mapping[str, Rewrite]) -> Iterator[None]:
    """Replace the outputs of submodules during one forward pass.

    Each function takes the output and returns its replacement, of the same shape and type.
    Raises `UsageError` for submodules that are unknown, uncalled, called twice or give no tensor.
    """
    functions = {name: partial(_rewritten, name, rewrite) for name, rewrite in rewrites.items()}
    with on_outputs(module, functions):
        yield


@contextmanager
def extend(
    module: nn.Module, additions: Mapping[str, Rewrite], *, instead: Collection[str] = ()
) -> Iterator[None]:
    """Lengthen the running batch: what each function makes of an output goes on behind its rows.

    All later layers work on the longer batch, and so on: the model must treat every example by
    itself. At the submodules `instead` the new rows take the place of all others. Raises
    `UsageError` as `edit` does.
    """
    functions = {
        name: partial(_extended, name, addition, name in instead)
        for name, addition in additions.items()
    }
    with on_outputs(module, functions):
        yield


def _extended(name: str, addition: Rewrite, is_alone: bool, output: Tensor) -> Tensor:
    further = addition(output)
    if further.shape[1:] != output.shape[1:] or further.dtype != output.dtype:
        raise UsageError(
            f"the addition to {name!r} has {further.dtype} {tuple(further.shape)}; wanted rows "
            f"like those of {output.dtype} {tuple(output.shape)}."
        )
    return further if is_alone else torch.cat([output, further])


def _rewritten(name: str, rewrite: Rewrite, output: Tensor) -> Tensor:
    replacement = rewrite(output)
    if replacement.shape != output.shape or replacement.dtype != output.dtype:
        raise UsageError(
            f"the edit of {name!r} gave {replacement.dtype} {tuple(replacement.shape)}; wanted "
            f"{output.dtype} {tuple(output.shape)}. Return a tensor like the given one."
        )
    return replacement
