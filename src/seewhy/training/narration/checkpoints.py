"""Where a narrator's training stands: narrator, heads, moments, step and settings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from seewhy.models.narration.storage import fill_weights, stored_weights
from seewhy.training import checkpoints
from seewhy.training.narration.loop import Learner

_WEIGHTS = "weights/"


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
    for name, head in learner.heads.items():
        tensors |= {f"{name}/{key}": tensor for key, tensor in head.state_dict().items()}
    checkpoints.write_checkpoint(
        folder, tensors, optimiser, standing=asdict(standing), settings=settings
    )


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
    found = checkpoints.read_checkpoint(folder, settings=settings, what="a narrator")
    fill_weights(learner.narrator, found.below(_WEIGHTS), source=str(found.path))
    for name, head in learner.heads.items():
        head.load_state_dict(found.below(f"{name}/"))
    found.fill(optimiser)
    return Standing(**found.standing)
