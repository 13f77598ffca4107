"""Recipes of the dual encoders that ship: architecture, mixture of pictures, schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seewhy.base.errors import UsageError
from seewhy.data.claims import attribute_claims, vocabulary
from seewhy.models.embedded import MEAN, STD
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training.loop import Schedule

SIDE = 64
CONTEXT = 24

_TEXT = {"context_length": CONTEXT, "width": 128, "heads": 4, "layers": 3}
_KIND_GROUPS = ("value", "shape")


@dataclass(frozen=True)
class Stage:
    """A stage of training on images of one size; later stages have finer grids of patches."""

    side: int
    schedule: Schedule
    batch_size: int = 128
    # Share of scenes with two or three objects.
    crowded: float = 0.25


@dataclass(frozen=True)
class EncoderRecipe:
    """How one dual encoder is trained; `vision` is open_clip's vision configuration.

    Small images teach what things are at a quarter of the cost of large ones, which teach where.
    """

    name: str
    vision: Mapping[str, object]
    stages: tuple[Stage, ...]
    embed_dim: int = 128
    compound_claims: int = 128
    # Share of single digits that fill the image, half of them the literal ones.
    plain_digits: float = 0.2
    # Share of the compound claims that name kind, colour and texture of one object alone.
    about_objects: float = 0.0
    # How much digits and shapes, which are learnt last, count among the groups of values.
    kind_weight: float = 1.0

    @property
    def side(self) -> int:
        """Pixels a side of the encoder's own input."""
        return self.stages[-1].side

    @property
    def group_weights(self) -> tuple[float, ...]:
        """How much each group of single-attribute claims counts."""
        return tuple(
            self.kind_weight if group in _KIND_GROUPS else 1.0 for group in attribute_claims()
        )


RECIPES = {
    recipe.name: recipe
    for recipe in (
        EncoderRecipe(
            name="clip-resnet",
            vision={"layers": [2, 2, 2, 2], "width": 32, "head_width": 64},
            stages=(Stage(SIDE, Schedule(steps=2200, learning_rate=1e-3)),),
        ),
        EncoderRecipe(
            name="clip-vit",
            vision={"layers": 8, "width": 128, "head_width": 32, "patch_size": 8},
            stages=(
                Stage(SIDE, Schedule(1200, matrix_rate=0.02, cycle=2000), crowded=0.7),
                Stage(
                    2 * SIDE,
                    Schedule(1300, learning_rate=7e-4, matrix_rate=0.012),
                    batch_size=64,
                    crowded=0.5,
                ),
            ),
            about_objects=0.6,
            kind_weight=3.0,
        ),
    )
}


def model_config(recipe: EncoderRecipe, *, side: int | None = None) -> dict[str, Any]:
    """The encoder's configuration, in open_clip's own format, with its words.

    `side` is that of a stage of training, by default the last.
    """
    side = side or recipe.side
    words = vocabulary()
    tokenizer = WordTokenizer(words, CONTEXT)
    return {
        "model_cfg": {
            "embed_dim": recipe.embed_dim,
            "vision_cfg": {**recipe.vision, "image_size": side},
            "text_cfg": {**_TEXT, "vocab_size": tokenizer.vocab_size},
        },
        "preprocess_cfg": {
            "size": side,
            "mean": MEAN,
            "std": STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
        "words": words,
    }


def find_recipe(preset: str) -> EncoderRecipe:
    """The recipe of a preset; raises `UsageError` for an unknown one."""
    if preset not in RECIPES:
        raise UsageError(f"no preset {preset!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[preset]
