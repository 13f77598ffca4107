"""Training a small image encoder without labels, into a folder."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.models.ssl.folder import load_folder, save_folder
from seewhy.models.ssl.pooled import PooledEncoder
from seewhy.models.ssl.small import small_encoder
from seewhy.models.ssl.transforms import small_views
from seewhy.training.image_cards import write_image_card
from seewhy.training.image_recipes import (
    PREPROCESSING,
    SIDE,
    ImageRecipe,
    SelfSupervised,
    find_image_recipe,
)
from seewhy.training.loop import fit
from seewhy.training.scene_pairs import SceneStore

_TOGETHER = 24
_LOG_EVERY = 50


def train_image_encoder(
    method: SelfSupervised,
    output: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Path:
    """Train by a method's recipe and write a folder: configuration, weights, log and card.

    `steps` overrides the recipe's number. Raises `UsageError` for an unknown method.
    """
    recipe = find_image_recipe(method)
    if steps is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, steps=steps))
    module = small_encoder(recipe.architecture, seed=seed).to(memory_format=torch.channels_last)
    log = _Log(output / "training.csv")
    store = SceneStore(np.random.default_rng(seed), kept=recipe.kept, side=SIDE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fit(
            module,
            _Losses(module, recipe, store).at,
            recipe.schedule,
            after_step=log.after_step,
            progress=progress,
        )
    save_folder(output, module, recipe.architecture, preprocessing=PREPROCESSING)
    options = ("" if steps is None else f" --steps {steps}") + f" --seed {seed}"
    write_image_card(output, load_folder(output)[0], recipe, command=f"--method {method}{options}")
    return output


@dataclass(frozen=True)
class _Losses:
    module: PooledEncoder
    recipe: ImageRecipe
    store: SceneStore

    def at(self, step: int) -> Float[Tensor, ""]:
        """The loss of one step's batch."""
        recipe = self.recipe
        batch = self.store.batch(
            recipe.pairs,
            company=recipe.company_at(step),
            bare=recipe.bare_at(step),
            plain_digits=recipe.plain_digits,
        )
        views = small_views(PREPROCESSING.mean, PREPROCESSING.std, side=SIDE)
        pixels = torch.cat([varied(batch.first, views), varied(batch.second, views)])
        embeddings = self.module(pixels.contiguous(memory_format=torch.channels_last)).float()
        first, second = embeddings.chunk(2)
        with torch.autocast(pixels.device.type, enabled=False):
            return recipe.loss(first, second)


def varied(
    pictures: Float[Tensor, "pictures 3 height width"], views: Callable[[Any], Tensor]
) -> Float[Tensor, "pictures 3 height width"]:
    """Pictures in small groups, each changed by chance in a way of its own."""
    return torch.cat([views(group) for group in torch.split(pictures, _TOGETHER)])


class _Log:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._losses: list[float] = []
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(["step", "mean_loss"])

    def after_step(self, step: int, loss: float) -> None:
        """The mean loss since the last row, every 50 steps."""
        self._losses.append(loss)
        if (step + 1) % _LOG_EVERY:
            return
        mean = sum(self._losses) / len(self._losses)
        self._losses.clear()
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([step + 1, round(mean, 4)])
