"""Modules that only stand around another one."""

from typing import Any

from torch import nn


def unwrapped(module: Any) -> Any:
    """The module inside DataParallel, DistributedDataParallel or `torch.compile`.

    It shares all parameters with its wrapper. Other modules are returned as they are; so are
    those of FullyShardedDataParallel, whose parameters are not whole.
    """
    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif isinstance(module, nn.Module) and "_orig_mod" in module._modules:
            module = module._modules["_orig_mod"]
        else:
            return module
