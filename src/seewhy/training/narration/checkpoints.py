"""Where a training stands, in one file without code: weights, moments, step and settings.

Chance is no part of it: that of a step depends on the seed, the step and the process alone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights, write_weights
from seewhy.models.narration.storage import fill_weights, stored_weights
from seewhy.training.narration.loop import Learner

CHECKPOINT_FILE = "checkpoint.safetensors"
_WEIGHTS, _QUARTERS, _MOMENTS = "weights/", "quarters/", "moments/"
_STANDING, _SETTINGS = "standing", "settings"


@dataclass(frozen=True)
class Standing:
    """The steps done, and the best validation so far with its step; None before the first."""

    step: int = 0
    best: float | None = None
    best_step: int = 0


def write_checkpoint(
    folder: Path,
    learner: Learner,
    optimiser: torch.optim.Optimizer,
    *,
    standing: Standing,
    settings: Mapping[str, object],
) -> None:
    """Replace the checkpoint of a folder, whole or not at all."""
    weights = stored_weights(learner.narrator)
    tensors = {_WEIGHTS + name: tensor for name, tensor in weights.items()}
    if learner.quarters is not None:
        head = learner.quarters.state_dict()
        tensors |= {_QUARTERS + name: tensor for name, tensor in head.items()}
    for number, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"{_MOMENTS}{number}/{name}": value for name, value in moments.items()}
    tensors[_STANDING] = _as_bytes(asdict(standing))
    tensors[_SETTINGS] = _as_bytes(settings)
    write_weights(folder / CHECKPOINT_FILE, tensors)


def read_checkpoint(
    folder: Path,
    learner: Learner,
    optimiser: torch.optim.Optimizer,
    *,
    settings: Mapping[str, object],
) -> Standing:
    """Bring learner and optimiser to where the checkpoint of a folder stands.

    Raises `UsageError` where there is none, or where it was made with other settings.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise UsageError(f"{folder} holds no {CHECKPOINT_FILE} to go on with. Leave --resume out.")
    tensors = read_weights(path)
    if not {_STANDING, _SETTINGS} <= tensors.keys():
        raise UsageError(f"{path} is no checkpoint of a narrator's training. Name another folder.")
    _check(_from_bytes(tensors[_SETTINGS]), settings)
    fill_weights(learner.narrator, _below(_WEIGHTS, tensors), source=str(path))
    if learner.quarters is not None:
        learner.quarters.load_state_dict(_below(_QUARTERS, tensors))
    found = optimiser.state_dict()
    optimiser.load_state_dict({**found, "state": _moments(tensors)})
    return Standing(**_from_bytes(tensors[_STANDING]))


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _moments(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith(_MOMENTS):
            number, name = key.removeprefix(_MOMENTS).split("/")
            moments.setdefault(int(number), {})[name] = tensor
    return moments


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
