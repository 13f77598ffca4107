"""Where a training stands, in one file without code: weights, moments, step and settings.

Chance is no part of it: that of a step depends on the seed, the step and the process alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights, write_weights

CHECKPOINT_FILE = "checkpoint.safetensors"
_MOMENTS = "moments/"
_STANDING, _SETTINGS = "standing", "settings"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds: tensors by prefixed names, and how far the training had come."""

    path: Path
    tensors: Mapping[str, Tensor]
    standing: Mapping[str, Any]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, without the beginning."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }

    def fill(self, optimiser: torch.optim.Optimizer) -> None:
        """Give the optimiser the moments that it had."""
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in self.below(_MOMENTS).items():
            number, name = key.split("/")
            moments.setdefault(int(number), {})[name] = tensor
        optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})


def write_checkpoint(
    folder: Path,
    tensors: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    *,
    standing: Mapping[str, object],
    settings: Mapping[str, object],
) -> None:
    """Replace the checkpoint of a folder, whole or not at all."""
    found = dict(tensors)
    for number, moments in optimiser.state_dict()["state"].items():
        found |= {f"{_MOMENTS}{number}/{name}": value for name, value in moments.items()}
    found[_STANDING] = _as_bytes(standing)
    found[_SETTINGS] = _as_bytes(settings)
    write_weights(folder / CHECKPOINT_FILE, found)


def read_checkpoint(folder: Path, *, settings: Mapping[str, object], what: str) -> Checkpoint:
    """The checkpoint of a folder; `what` is trained there, such as "a narrator".

    Raises `UsageError` where there is none, or where it was made with other settings.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise UsageError(f"{folder} holds no {CHECKPOINT_FILE} to go on with. Leave --resume out.")
    tensors = read_weights(path)
    if not {_STANDING, _SETTINGS} <= tensors.keys():
        raise UsageError(f"{path} is no checkpoint of {what}'s training. Name another folder.")
    standing, stored = (_from_bytes(tensors.pop(name)) for name in (_STANDING, _SETTINGS))
    _check(stored, settings)
    return Checkpoint(path, tensors, standing)


def _check(stored: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    plain = json.loads(json.dumps(dict(wanted)))
    names = sorted(stored.keys() | plain.keys())
    different = [name for name in names if stored.get(name) != plain.get(name)]
    if different:
        told = "; ".join(
            f"{name} was {stored.get(name)!r:.80} and is {plain.get(name)!r:.80}"
            for name in different[:4]
        )
        raise UsageError(
            f"the checkpoint was made with other settings: {told}. Resume with the same, or name "
            "another output folder."
        )


def _as_bytes(value: Mapping[str, object]) -> Tensor:
    return torch.frombuffer(bytearray(json.dumps(dict(value)).encode()), dtype=torch.uint8)


def _from_bytes(tensor: Tensor) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(tensor.tolist()))
    return found
