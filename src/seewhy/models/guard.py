"""The user's model is left as it was found, also after an error."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seewhy.models.checkpoints import weights_hash

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


_guarded: ContextVar[frozenset[int]] = ContextVar("guarded", default=frozenset())


def device_of(module: nn.Module) -> torch.device:
    """Where the module computes: the device of its first parameter or buffer, else the CPU."""
    tensors = (*module.parameters(), *module.buffers())
    return tensors[0].device if tensors else torch.device("cpu")


def input_dtype(module: nn.Module) -> torch.dtype:
    """What its first convolution computes in, else its first parameter, else float32.

    In open_clip's low precision some other parameters stay in float32.
    """
    convolutions = (child for child in module.modules() if isinstance(child, nn.Conv2d))
    weights = (each.weight for each in convolutions)
    first = next(weights, None)
    return next(module.parameters(), torch.zeros(())).dtype if first is None else first.dtype


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Undo on leaving what the block does to the module and to the random state.

    Covers the mode of each submodule, parameters' identity, `requires_grad` and gradients,
    buffers, hooks, and torch's random generators. The values of parameters are not copied.
    Inside the block no parameter has a gradient.
    """
    submodules = [_Submodule.of(child) for child in module.modules()]
    parameters = [_Parameter.of(parameter) for parameter in module.parameters()]
    for saved in parameters:
        saved.parameter.grad = None
    with torch.random.fork_rng(devices=_gpus(module)):
        try:
            yield
        finally:
            for submodule in submodules:
                submodule.restore()
            for saved in parameters:
                saved.restore()


@contextmanager
def inference(module: nn.Module) -> Iterator[None]:
    """`untouched`, in evaluation mode, without gradients, in the module's own precision.

    Inside such a block for the same module only the outer one undoes anything, so that many
    passes in a row cost one inspection.
    """
    with _evaluation(module), torch.inference_mode():
        yield


@contextmanager
def differentiation(module: nn.Module) -> Iterator[None]:
    """The same with gradients of what is computed inside, but of no parameter.

    May stand inside `inference`, whose tensors have to be cloned before they take part.
    """
    with _evaluation(module), torch.inference_mode(False), torch.enable_grad():
        for parameter in module.parameters():
            parameter.requires_grad_(False)
        yield


@contextmanager
def _evaluation(module: nn.Module) -> Iterator[None]:
    guarded = _guarded.get()
    if id(module) in guarded:
        yield
        return
    device = device_of(module).type
    with untouched(module), torch.autocast(device, enabled=False):
        for child in module.modules():
            # Not `eval()`, which the user's class may have given side effects.
            child.training = False
        token = _guarded.set(guarded | {id(module)})
        try:
            yield
        finally:
            _guarded.reset(token)


def _gpus(module: nn.Module) -> list[torch.device]:
    devices = {parameter.device for parameter in module.parameters()}
    return [device for device in devices if device.type == "cuda"]


@dataclass(frozen=True)
class _Submodule:
    module: nn.Module
    training: bool
    parameters: dict[str, Any]
    buffers: dict[str, Any]
    contents: dict[str, Tensor]
    hooks: dict[str, dict[Any, Any]]

    @classmethod
    def of(cls, module: nn.Module) -> "_Submodule":
        buffers = dict(module._buffers)
        return cls(
            module=module,
            training=module.training,
            parameters=dict(module._parameters),
            buffers=buffers,
            contents={k: buffer.clone() for k, buffer in buffers.items() if buffer is not None},
            hooks={name: dict(getattr(module, name)) for name in _HOOKS},
        )

    def restore(self) -> None:
        self.module.training = self.training
        for name, hooks in self.hooks.items():
            _refill(getattr(self.module, name), hooks)
        _refill(self.module._parameters, self.parameters)
        _refill(self.module._buffers, self.buffers)
        for name, content in self.contents.items():
            buffer = self.buffers[name]
            if not _same_bytes(buffer, content):
                with torch.no_grad():
                    buffer.copy_(content)


def _refill(container: Any, saved: dict[Any, Any]) -> None:
    container.clear()
    container.update(saved)


def _same_bytes(first: Tensor, second: Tensor) -> bool:
    """Equality that takes NaN for NaN."""
    return torch.equal(first, second) or (
        torch.equal(first.isnan(), second.isnan())
        and torch.equal(first.nan_to_num(), second.nan_to_num())
    )


@dataclass(frozen=True)
class _Parameter:
    parameter: nn.Parameter
    requires_grad: bool
    grad: Tensor | None

    @classmethod
    def of(cls, parameter: nn.Parameter) -> "_Parameter":
        return cls(parameter, parameter.requires_grad, parameter.grad)

    def restore(self) -> None:
        if self.parameter.requires_grad != self.requires_grad:
            self.parameter.requires_grad_(self.requires_grad)
        self.parameter.grad = self.grad


def fingerprint(module: nn.Module) -> str:
    """A digest of all that `untouched` promises, plus weights and torch's global settings.

    Two digests can be compared within one process only, as hooks are told apart by identity.
    """
    children = [
        (
            name,
            child.training,
            [list(map(id, getattr(child, hooks).values())) for hooks in _HOOKS],
            id(child.__dict__.get("forward")),
        )
        for name, child in module.named_modules()
    ]
    parameters = dict(module.named_parameters())
    grads = {name: each.grad for name, each in parameters.items() if each.grad is not None}
    settings = (
        [(name, each.requires_grad) for name, each in parameters.items()],
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
    )
    tensors = {**parameters, **dict(module.named_buffers()), "random": torch.get_rng_state()}
    parts = (repr(children), repr(settings), weights_hash(grads), weights_hash(tensors))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
