"""Rewriting tensors inside a model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

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


def _rewritten(name: str, rewrite: Rewrite, output: Tensor) -> Tensor:
    replacement = rewrite(output)
    if replacement.shape != output.shape or replacement.dtype != output.dtype:
        raise UsageError(
            f"the edit of {name!r} gave {replacement.dtype} {tuple(replacement.shape)}; wanted "
            f"{output.dtype} {tuple(output.shape)}. Return a tensor like the given one."
        )
    return replacement
