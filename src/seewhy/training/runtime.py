"""Where a training computes: one process, or several that accelerate has started."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from seewhy.base.errors import UsageError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Runtime:
    """This process among `processes`; `accelerator` is that of several, None of one."""

    device: torch.device
    rank: int = 0
    processes: int = 1
    accelerator: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that judges, writes and tells."""
        return self.rank == 0

    def prepared(self, module: nn.Module) -> nn.Module:
        """The module on the device; of several processes, one that adds up their gradients."""
        if self.accelerator is None:
            return module.to(self.device)
        prepared: nn.Module = self.accelerator.prepare(module)
        return prepared

    def total(self, values: Tensor) -> Tensor:
        """The sum over processes."""
        if self.accelerator is None:
            return values
        found: Tensor = self.accelerator.reduce(values, "sum")
        return found

    def alone(self, module: nn.Module) -> AbstractContextManager[object]:
        """Within it gradients are kept by each process, to be added up by a later pass."""
        if self.accelerator is None:
            return nullcontext()
        context: AbstractContextManager[object] = self.accelerator.no_sync(module)
        return context

    @contextmanager
    def mixed(self, precision: Precision) -> Iterator[None]:
        """Within it matrices are multiplied in this precision."""
        if precision == "fp32":
            yield
            return
        with ExitStack() as stack:
            stack.enter_context(torch.autocast(self.device.type, dtype=torch.bfloat16))
            if self.device.type == "cpu":
                # On a processor, fused attention of short rows in bfloat16 takes twice the time.
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


def this_runtime(device: Device = "auto") -> Runtime:
    """One process, unless `accelerate launch` or torchrun started several.

    Raises `UsageError` for a device that is not there, and where accelerate is missing.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is there. Leave --device out, or take cpu.")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return _several(device)
    has_cuda = device != "cpu" and torch.cuda.is_available()
    return Runtime(torch.device("cuda" if has_cuda else "cpu"))


def _several(device: Device) -> Runtime:
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise UsageError(
            "several processes need an extra: pip install 'seewhy[accelerate]'."
        ) from error
    accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
    return Runtime(
        accelerator.device, accelerator.process_index, accelerator.num_processes, accelerator
    )
