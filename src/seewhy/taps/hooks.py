"""Functions on the outputs of named submodules, for the length of one `with` block."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.names import suggestion

OnOutput = Callable[[Tensor], Tensor | None]
OnCall = Callable[[Any, Tensor], Tensor | None]
_SHOWN = 5


@contextmanager
def on_outputs(module: nn.Module, functions: Mapping[str, OnOutput]) -> Iterator[None]:
    """Call each function on the output of its submodule; what it returns replaces the output.

    The block is one forward pass: `UsageError` when a submodule is unknown, gives no tensor, is
    called twice, or has not been called by the end. Hooks are gone after the block in any case.
    """
    calls = {name: partial(_of_output, function) for name, function in functions.items()}
    with on_calls(module, calls):
        yield


def _of_output(function: OnOutput, _input: Any, output: Tensor) -> Tensor | None:
    return function(output)


@contextmanager
def on_calls(module: nn.Module, functions: Mapping[str, OnCall]) -> Iterator[None]:
    """The same with functions of the submodule's first input and its output."""
    submodules = dict(module.named_modules(remove_duplicate=False))
    _check_names(module, functions, submodules)
    calls: Counter[str] = Counter()
    with ExitStack() as undo:
        for name, function in functions.items():
            hook = _hook(name, function, calls)
            undo.callback(submodules[name].register_forward_hook(hook).remove)
        yield
    uncalled = [name for name in functions if not calls[name]]
    if uncalled:
        raise UsageError(
            f"the forward pass did not call {_listed(uncalled)}. Name submodules that the model "
            "uses, and run it inside the block."
        )


def _hook(name: str, function: OnCall, calls: Counter[str]) -> Callable[..., Tensor | None]:
    def hook(_module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        calls[name] += 1
        if calls[name] > 1:
            raise UsageError(
                f"submodule {name!r} was called twice in one block, so its output is ambiguous. "
                "Use one block per forward pass and submodules that are not shared."
            )
        if not isinstance(output, Tensor):
            raise UsageError(
                f"submodule {name!r} gave {type(output).__name__}, not a tensor. "
                "Name a submodule inside or after it."
            )
        return function(inputs[0] if inputs else None, output)

    return hook


def _check_names(
    module: nn.Module, functions: Mapping[str, OnCall], submodules: Mapping[str, nn.Module]
) -> None:
    unknown = [name for name in functions if name not in submodules]
    if unknown:
        raise UsageError(
            f"no submodule {_listed(unknown)} in {type(module).__name__}. "
            f"{suggestion(unknown[0], submodules)}"
            f"`dict(module.named_modules())` lists all {len(submodules)}."
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
