"""Copies of a network that forget what they learnt, from the output back to the input."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.models.guard import inference
from seewhy.models.image_encoders import ImageEncoder


@dataclass(frozen=True, eq=False)
class Randomised:
    """An encoder in which the named modules have random weights; the last of them is `until`."""

    encoder: ImageEncoder
    modules: tuple[str, ...]

    @property
    def until(self) -> str:
        """The module nearest to the input that has forgotten."""
        return self.modules[-1]


def cascade(
    encoder: ImageEncoder, pixels: Pixels, *, stages: int = 6, seed: int = 0
) -> Iterator[Randomised]:
    """The encoder with ever more random modules, the last stage all of them.

    Modules that hold weights go in the order opposite to that in which `pixels` run through them,
    split evenly into stages. A module with `reset_parameters` starts as torch starts it; other
    weights become normal with their own mean and deviation. The encoder itself is left as found;
    what is given is valid until the next one is asked for, for they share one copy.
    Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018 (cascading).
    """
    names = weighted_modules(encoder, pixels)[::-1]
    if not 1 <= stages <= len(names):
        raise UsageError(
            f"{stages} stages of {len(names)} modules with weights in {encoder.name}; wanted at "
            f"least 1 and at most {len(names)}."
        )
    copied = _copy(encoder)
    done: list[str] = []
    for stage in range(stages):
        start, stop = (len(names) * edge // stages for edge in (stage, stage + 1))
        for name in names[start:stop]:
            _randomise(copied.module.get_submodule(name), seed=(seed, len(done)))
            done.append(name)
        yield Randomised(copied, tuple(done))


def weighted_modules(encoder: ImageEncoder, pixels: Pixels) -> tuple[str, ...]:
    """Names of the modules that hold weights of their own, in the order in which they begin.

    One that is never called itself, such as a projection inside torch's attention, begins with
    what holds it.
    """
    begun: dict[str, int] = {}
    with inference(encoder.module), ExitStack() as undo:
        for name, module in encoder.module.named_modules():
            hook = module.register_forward_pre_hook(_noting(begun, name))
            undo.callback(hook.remove)
        encoder.embed(pixels[:1])
    owners = [
        name
        for name, module in encoder.module.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    return tuple(sorted(owners, key=lambda name: _beginning(begun, name)))


def _noting(begun: dict[str, int], name: str) -> Callable[[nn.Module, object], None]:
    def note(_module: nn.Module, _inputs: object) -> None:
        begun.setdefault(name, len(begun))

    return note


def _beginning(begun: dict[str, int], name: str) -> int:
    while name and name not in begun:
        name = name.rpartition(".")[0]
    return begun.get(name, 0)


def _copy(encoder: ImageEncoder) -> ImageEncoder:
    return ImageEncoder(
        copy.deepcopy(encoder.module),
        preprocess=encoder.preprocessing,
        name=f"{encoder.name}, randomised",
        site=encoder.site,
        patch=encoder.patch,
        notes=encoder.notes,
    )


def _randomise(module: nn.Module, *, seed: tuple[int, int]) -> None:
    reset = getattr(module, "reset_parameters", None)
    devices = {each.device for each in module.parameters() if each.is_cuda}
    with torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        if callable(reset):
            reset()
            return
        for weights in module.parameters(recurse=False):
            values = weights.float()
            weights.normal_(float(values.mean()), float(values.std(correction=0)))
