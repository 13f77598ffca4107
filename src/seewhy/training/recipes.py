"""Recipes of the dual encoders that ship: data, architecture, schedule, card."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from seewhy.base.axes import Embeddings, TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.data.claims import (
    ANY,
    DIGIT,
    Claim,
    attribute_claims,
    claim_about,
    phrase,
    truth_table,
    vocabulary,
)
from seewhy.data.digits import CHANNELS, digit_indices, draw_digit, load_digit_glyphs
from seewhy.data.scenes import DIGITS, Scene, SceneObject, draw_scene, random_scene
from seewhy.models.checkpoints import fit_weights, read_weights
from seewhy.models.embedded import (
    MEAN,
    STD,
    WEIGHTS_FILE,
    build_clip,
    normalised_pixels,
    save_embedded,
)
from seewhy.models.openclip_zoo import load_folder
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training.cards import HELD_OUT_IMAGES, TrainingLog, write_card, zero_shot_scores
from seewhy.training.loop import Schedule, fit
from seewhy.training.losses import grouped_loss, multi_positive_loss

SIDE = 64
CONTEXT = 24

_TEXT = {"context_length": CONTEXT, "width": 128, "heads": 4, "layers": 3}
_GROUP_SIZES = tuple(len(values) for values in attribute_claims().values())
_NAMED = ("kind", "colour", "texture", "size", "position", "background_colour",
          "background_texture", "mark")  # fmt: skip


@dataclass(frozen=True)
class EncoderRecipe:
    """How one dual encoder is trained; `vision` is open_clip's vision configuration."""

    name: str
    vision: Mapping[str, object]
    schedule: Schedule
    embed_dim: int = 128
    batch_size: int = 128
    compound_claims: int = 128
    # Shares of literal single digits, and of scenes with two or three objects.
    plain_digits: float = 0.2
    crowded: float = 0.25


RECIPES = {
    recipe.name: recipe
    for recipe in (
        EncoderRecipe(
            name="clip-resnet",
            vision={"layers": [2, 2, 2, 2], "width": 32, "head_width": 64, "image_size": SIDE},
            schedule=Schedule(steps=2200, learning_rate=1e-3),
        ),
        EncoderRecipe(
            name="clip-vit",
            vision={
                "layers": 8,
                "width": 128,
                "head_width": 32,
                "patch_size": 8,
                "image_size": SIDE,
            },
            schedule=Schedule(steps=3300, learning_rate=1e-3),
        ),
    )
}


@dataclass(frozen=True)
class ClaimBatch:
    """Images, texts and which text is true of which image."""

    pixels: Float[Tensor, "images 3 height width"]
    texts: tuple[str, ...]
    is_true: Bool[Tensor, "images texts"]


def claim_batch(recipe: EncoderRecipe, generator: np.random.Generator) -> ClaimBatch:
    """One batch: every single-attribute claim, and true claims of several attributes."""
    pictures = [_training_picture(recipe, generator) for _ in range(recipe.batch_size)]
    scenes = [scene for scene, _ in pictures]
    singles = [claim for group in attribute_claims().values() for claim in group.values()]
    chosen = generator.integers(len(scenes), size=recipe.compound_claims)
    claims = singles + [_compound_claim(scenes[index], generator) for index in chosen]
    return ClaimBatch(
        pixels=normalised_pixels(np.stack([pixels for _, pixels in pictures])),
        texts=tuple(phrase(claim, generator) for claim in claims),
        is_true=torch.from_numpy(truth_table(scenes, claims)),
    )


def _training_picture(
    recipe: EncoderRecipe, generator: np.random.Generator
) -> tuple[Scene, np.ndarray]:
    draw = generator.random()
    if draw < recipe.plain_digits / 2:
        return _literal_digit(generator)
    if draw < recipe.plain_digits:
        scene = _large_digit(generator)
    else:
        crowded = draw > 1 - recipe.crowded
        objects = int(generator.integers(2, 4)) if crowded else 1
        scene = random_scene(generator, objects=objects)
    return scene, draw_scene(scene, SIDE).pixels


def _literal_digit(generator: np.random.Generator) -> tuple[Scene, np.ndarray]:
    """A digit exactly as the coloured-digit experiment shows it."""
    index = int(generator.choice(digit_indices("train")))
    colour = str(generator.choice(list(CHANNELS)))
    value = str(load_digit_glyphs()[1][index])
    scene = _digit_scene(value, index, colour, generator)
    return scene, np.asarray(draw_digit(index, colour, SIDE))


def _large_digit(generator: np.random.Generator) -> Scene:
    """A digit that fills a black image, shifted, scaled and turned a little."""
    index = int(generator.choice(digit_indices("train")))
    colour = str(generator.choice(list(CHANNELS)))
    return _digit_scene(str(load_digit_glyphs()[1][index]), index, colour, generator)


def _digit_scene(value: str, index: int, colour: str, generator: np.random.Generator) -> Scene:
    item = SceneObject(
        kind=value,
        colour=colour,
        texture="plain",
        size="large",
        position="center",
        centre=tuple(generator.uniform(0.45, 0.55, size=2).tolist()),
        radius=float(generator.uniform(0.38, 0.54)),
        angle=float(generator.uniform(-0.3, 0.3)),
        glyph=index,
    )
    return Scene((item,), "black", tint=0.15, seed=int(generator.integers(2**32)))


def _compound_claim(scene: Scene, generator: np.random.Generator) -> Claim:
    names = generator.choice(_NAMED, size=int(generator.integers(1, 4)), replace=False)
    of = int(generator.integers(len(scene.objects)))
    claim = claim_about(scene, [str(name) for name in names], of=of)
    if claim.kind == ANY and scene.objects[of].kind in DIGITS and generator.random() < 0.5:
        return replace(claim, kind=DIGIT)
    return claim


class Guide(nn.Module):
    """An encoder in training with one anchor vector per attribute value, dropped afterwards.

    Texts of similar values start out alike and both towers wait for each other; anchors are
    apart from the start and show the image tower what to tell apart.
    """

    def __init__(self, encoder: nn.Module, width: int, *, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        generator = torch.Generator().manual_seed(seed)
        self.anchors = nn.Parameter(torch.randn(sum(_GROUP_SIZES), width, generator=generator))


def claim_loss(
    images: Embeddings,
    texts: TextEmbeddings,
    *,
    scale: Float[Tensor, ""],
    anchors: Float[Tensor, "values embed"],
    is_true: Bool[Tensor, "images texts"],
) -> Float[Tensor, ""]:
    """All captions against all images, and within each attribute group captions and anchors.

    The first texts are the single-attribute claims, in the order of the anchors.
    """
    logits = images @ texts.T * scale
    singles = len(anchors)
    guided = images @ functional.normalize(anchors, dim=1).T * scale
    return (
        multi_positive_loss(logits, is_true)
        + grouped_loss(logits[:, :singles], is_true[:, :singles], _GROUP_SIZES)
        + grouped_loss(guided, is_true[:, :singles], _GROUP_SIZES)
    )


def model_config(recipe: EncoderRecipe) -> dict[str, Any]:
    """The encoder's configuration, in open_clip's own format, with its words."""
    words = vocabulary()
    tokenizer = WordTokenizer(words, CONTEXT)
    return {
        "model_cfg": {
            "embed_dim": recipe.embed_dim,
            "vision_cfg": dict(recipe.vision),
            "text_cfg": {**_TEXT, "vocab_size": tokenizer.vocab_size},
        },
        "preprocess_cfg": {
            "size": SIDE,
            "mean": MEAN,
            "std": STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
        "words": words,
    }


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

    `steps` overrides the recipe's number; `start` is an encoder folder of the same preset whose
    weights are trained further, at half the learning rate. Raises `UsageError` for an unknown
    preset.
    """
    recipe = _chosen_recipe(preset, steps=steps, is_continued=start is not None)
    config = model_config(recipe)
    module = build_clip(config["model_cfg"], seed=seed)
    if start is not None:
        fit_weights(module, read_weights(start / WEIGHTS_FILE), source=str(start))
    module.to(memory_format=torch.channels_last)
    tokenizer = WordTokenizer(tuple(config["words"]), CONTEXT)
    guide = Guide(module, recipe.embed_dim, seed=seed)
    log = TrainingLog(output / "training.csv", module, tokenizer)
    # The fused attention's backward pass takes twice the time on a processor at this size.
    with sdpa_kernel(SDPBackend.MATH):
        fit(
            guide,
            partial(_loss_at, guide=guide, tokenizer=tokenizer, recipe=recipe, seed=seed),
            recipe.schedule,
            after_step=log.after_step,
            progress=progress,
        )
    save_embedded(output, config, module)
    options = ("" if steps is None else f" --steps {steps}") + f" --seed {seed}"
    write_card(
        output,
        title=recipe.name,
        facts={
            "command": f"seewhy train encoder --preset {preset}{options}"
            + (" --start FOLDER" if start else ""),
            "steps": str(recipe.schedule.steps),
            "batch": f"{recipe.batch_size} images",
            "parameters": f"{sum(weight.numel() for weight in module.parameters()):,}",
            "words": str(len(tokenizer.words)),
        },
        scores=zero_shot_scores(load_folder(output).module, tokenizer, images=HELD_OUT_IMAGES),
    )
    return output


def _chosen_recipe(preset: str, *, steps: int | None, is_continued: bool) -> EncoderRecipe:
    if preset not in RECIPES:
        raise UsageError(f"no preset {preset!r}; there are {', '.join(RECIPES)}.")
    recipe = RECIPES[preset]
    schedule = recipe.schedule if steps is None else replace(recipe.schedule, steps=steps)
    if is_continued:
        schedule = replace(schedule, learning_rate=schedule.learning_rate / 2)
    return replace(recipe, schedule=schedule)


def _loss_at(
    step: int, *, guide: Guide, tokenizer: WordTokenizer, recipe: EncoderRecipe, seed: int
) -> Tensor:
    """The loss of one step's batch, which depends on the seed and the step alone."""
    batch = claim_batch(recipe, np.random.default_rng([seed, step]))
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
        )
