"""Training a dual encoder by its recipe, stage by stage, into an encoder folder."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, Dataset

from seewhy.base.axes import Embeddings, TextEmbeddings
from seewhy.models.checkpoints import fit_weights, read_weights
from seewhy.models.embedded import WEIGHTS_FILE, build_clip, save_embedded
from seewhy.models.openclip_zoo import load_folder
from seewhy.models.towers.positions import resized_positions
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training.batches import ClaimBatch, claim_batch
from seewhy.training.cards import HELD_OUT_IMAGES, TrainingLog, write_card, zero_shot_scores
from seewhy.training.loop import fit
from seewhy.training.losses import grouped_loss, multi_positive_loss
from seewhy.training.recipes import (
    CONTEXT,
    SIDE,
    Blend,
    EncoderRecipe,
    Stage,
    find_recipe,
    model_config,
)

# A process that draws ahead does not pay for itself in a short training.
_STEPS_WORTH_A_PROCESS = 100


class Guide(nn.Module):
    """An encoder in training with one anchor vector per attribute value, dropped afterwards.

    Texts of similar values start out alike and both towers wait for each other; anchors are
    apart from the start and show the image tower what to tell apart.
    """

    def __init__(self, encoder: nn.Module, recipe: EncoderRecipe, *, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        shape = (sum(recipe.group_sizes), recipe.embed_dim)
        generator = torch.Generator().manual_seed(seed)
        self.anchors = nn.Parameter(torch.randn(shape, generator=generator))


def claim_loss(
    images: Embeddings,
    texts: TextEmbeddings,
    *,
    scale: Float[Tensor, ""],
    anchors: Float[Tensor, "values embed"],
    is_true: Bool[Tensor, "images texts"],
    recipe: EncoderRecipe,
) -> Float[Tensor, ""]:
    """All captions against all images, and within each attribute group captions and anchors.

    The first texts are the single-attribute claims, in the order of the anchors.
    """
    logits = images @ texts.T * scale
    singles = len(anchors)
    guided = images @ functional.normalize(anchors, dim=1).T * scale
    grouped = partial(
        grouped_loss,
        is_true=is_true[:, :singles],
        group_sizes=recipe.group_sizes,
        weights=recipe.group_weights,
    )
    return multi_positive_loss(logits, is_true) + grouped(logits[:, :singles]) + grouped(guided)


def train_encoder(
    preset: str,
    output: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    start: Path | None = None,
    progress: bool = False,
) -> Path:
    """Train a preset and write an encoder folder: configuration, weights, log and card.

    `steps` overrides the recipe's number, in the same proportions for its stages; `start` is an
    encoder folder of the same preset whose weights go through the last stage alone, at half the
    learning rate. Raises `UsageError` for an unknown preset.
    """
    recipe = find_recipe(preset)
    stages = recipe.stages if start is None else (_gentle(recipe.stages[-1]),)
    if steps is not None:
        stages = _shortened(stages, steps)
    tokenizer = WordTokenizer(tuple(model_config(recipe)["words"]), CONTEXT)
    guide = Guide(_module(recipe, stages[0], start=start, seed=seed), recipe, seed=seed)
    done = 0
    for stage in stages:
        _adapt(guide, recipe, stage)
        log = TrainingLog(
            output / "training.csv", guide.encoder, tokenizer, groups=recipe.groups, after=done
        )
        batches = iter(_drawn_ahead(_Batches(recipe, stage, seed=seed, first=done)))
        with sdpa_kernel(_kernel(stage)), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + done)
            blending = _Blending(guide.encoder, stage.blend, log)
            fit(
                guide,
                partial(_next_loss, batches, guide=guide, tokenizer=tokenizer, recipe=recipe),
                stage.schedule,
                after_step=blending.after_step,
                progress=progress,
            )
            blending.finish()
        done += stage.schedule.steps
    save_embedded(output, model_config(recipe), guide.encoder)
    options = ("" if steps is None else f" --steps {steps}") + f" --seed {seed}"
    options += " --start FOLDER" if start else ""
    facts = recipe_facts(recipe, stages, guide.encoder, options=options)
    scores = zero_shot_scores(
        load_folder(output).module, tokenizer, images=HELD_OUT_IMAGES, groups=recipe.groups
    )
    write_card(output, title=recipe.name, facts=facts, scores=scores)
    return output


def recipe_facts(
    recipe: EncoderRecipe, stages: Sequence[Stage], encoder: nn.Module, *, options: str
) -> dict[str, str]:
    """What the card says of the training."""
    return {
        "command": f"seewhy train encoder --preset {recipe.name}{options}",
        "steps": ", then ".join(map(_told, stages)),
        "parameters": f"{sum(weight.numel() for weight in encoder.parameters()):,}",
        "words": str(len(model_config(recipe)["words"])),
        "captions speak of": ", ".join(recipe.groups),
    }


def _told(stage: Stage) -> str:
    side, blend = stage.side, stage.blend
    text = f"{stage.schedule.steps} of {stage.batch_size} images of {side} pixels a side"
    if stage.patch_dropout:
        text += f", {stage.patch_dropout:.0%} of patches left out"
    if blend is not None:
        text += f", {blend.share:.0%} of the weights those of its step {blend.step}"
    return text


class _Blending:
    """Keeps the weights of a stage's step aside and mixes them into the last ones."""

    def __init__(self, encoder: nn.Module, blend: Blend | None, log: TrainingLog) -> None:
        self._encoder, self._blend, self._log = encoder, blend, log
        self._kept: dict[str, Tensor] = {}

    def after_step(self, step: int, loss: float) -> None:
        self._log.after_step(step, loss)
        if self._blend is not None and step + 1 == self._blend.step:
            self._kept = {name: each.clone() for name, each in self._encoder.state_dict().items()}

    def finish(self) -> None:
        if self._blend is None or not self._kept:
            return
        with torch.no_grad():
            for name, tensor in self._encoder.state_dict().items():
                if tensor.is_floating_point():
                    tensor.lerp_(self._kept[name], self._blend.share)


def _gentle(stage: Stage) -> Stage:
    schedule = stage.schedule
    return replace(
        stage,
        blend=None,
        schedule=replace(
            schedule,
            learning_rate=schedule.learning_rate / 2,
            matrix_rate=schedule.matrix_rate / 2,
        ),
    )


def _shortened(stages: Sequence[Stage], steps: int) -> tuple[Stage, ...]:
    """Stages of so many steps in all, the last taking what rounding leaves."""
    planned = sum(stage.schedule.steps for stage in stages)
    counts = [steps * stage.schedule.steps // planned for stage in stages]
    counts[-1] += steps - sum(counts)
    return tuple(
        _with_steps(stage, count) for stage, count in zip(stages, counts, strict=True) if count
    )


def _with_steps(stage: Stage, steps: int) -> Stage:
    schedule, blend = stage.schedule, stage.blend
    if blend is not None:
        blend = replace(blend, step=max(blend.step * steps // schedule.steps, 1))
    return replace(stage, schedule=replace(schedule, steps=steps, cycle=0), blend=blend)


def _module(recipe: EncoderRecipe, stage: Stage, *, start: Path | None, seed: int) -> nn.Module:
    module = build_clip(model_config(recipe, stage)["model_cfg"], seed=seed)
    if start is not None:
        fit_weights(module, read_weights(start / WEIGHTS_FILE), source=str(start))
    return module.to(memory_format=torch.channels_last)


def _adapt(guide: Guide, recipe: EncoderRecipe, stage: Stage) -> None:
    """Give the encoder in training the grid of a stage's images and what the stage leaves out."""
    grown: Any = build_clip(model_config(recipe, stage)["model_cfg"])
    encoder: Any = guide.encoder
    weights = encoder.state_dict()
    if grown.visual.image_size != encoder.visual.image_size:
        name = "visual.positional_embedding"
        weights[name] = resized_positions(
            weights[name], encoder.visual.grid_size, grown.visual.grid_size
        )
    grown.load_state_dict(weights)
    guide.encoder = grown.to(memory_format=torch.channels_last)


class _Batches(Dataset[ClaimBatch]):
    """The batches of a stage; each depends on the seed and its step in all alone."""

    def __init__(self, recipe: EncoderRecipe, stage: Stage, *, seed: int, first: int) -> None:
        self._recipe, self._stage, self._seed, self._first = recipe, stage, seed, first

    def __len__(self) -> int:
        return self._stage.schedule.steps

    def __getitem__(self, step: int) -> ClaimBatch:
        generator = np.random.default_rng([self._seed, self._first + step])
        return claim_batch(self._recipe, self._stage, generator)


def _kernel(stage: Stage) -> SDPBackend:
    """On a processor, fused attention takes twice the time on small grids, half on large ones."""
    return SDPBackend.MATH if stage.side <= SIDE else SDPBackend.FLASH_ATTENTION


def _drawn_ahead(batches: _Batches) -> DataLoader[ClaimBatch]:
    is_long = len(batches) >= _STEPS_WORTH_A_PROCESS and (os.cpu_count() or 1) > 1
    # With a generator of its own it leaves the global one alone.
    chance = torch.Generator()
    return DataLoader(batches, batch_size=None, num_workers=int(is_long), generator=chance)


def _next_loss(
    batches: Iterator[ClaimBatch],
    _step: int,
    *,
    guide: Guide,
    tokenizer: WordTokenizer,
    recipe: EncoderRecipe,
) -> Tensor:
    batch = next(batches)
    module: Any = guide.encoder
    images = module.encode_image(batch.pixels, normalize=True)
    texts = module.encode_text(tokenizer(batch.texts), normalize=True)
    scale = module.logit_scale.exp().clamp(max=100)
    with torch.autocast("cpu", enabled=False):
        return claim_loss(
            images.float(),
            texts.float(),
            scale=scale,
            anchors=guide.anchors,
            is_true=batch.is_true,
            recipe=recipe,
        )
