"""Recipes of the dual encoders that ship: architecture, mixture of pictures, schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seewhy.base.errors import UsageError
from seewhy.data.claims import Claim, attribute_claims, vocabulary
from seewhy.models.embedded import MEAN, STD
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training.loop import Schedule

SIDE = 64
CONTEXT = 24

_TEXT = {"context_length": CONTEXT, "width": 128, "heads": 4, "layers": 3}
OBJECT_GROUPS = ("value", "shape", "colour", "texture")
_KIND_GROUPS = ("value", "shape")


@dataclass(frozen=True)
class Blend:
    """The weights after this step of a stage make up this share of its final ones.

    Late in training an encoder may come to keep what one value looks like beside the object;
    weights in between have not, and both are alike enough to be averaged.
    """

    step: int
    share: float


@dataclass(frozen=True)
class Stage:
    """A stage of training on images of one size; later stages have finer grids of patches."""

    side: int
    schedule: Schedule
    batch_size: int = 128
    # Share of scenes with two or three objects.
    crowded: float = 0.25
    # Share of patches that are left out of each image: what is left must speak for itself.
    patch_dropout: float = 0.0
    blend: Blend | None = None


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
    # What the captions speak of; by default everything that a claim can name.
    groups: tuple[str, ...] = tuple(attribute_claims())
    # How much digits and shapes, which are learnt last, count among the groups of values.
    kind_weight: float = 1.0

    @property
    def side(self) -> int:
        """Pixels a side of the encoder's own input."""
        return self.stages[-1].side

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims that name one value of one group, group by group."""
        claims = attribute_claims()
        return tuple(claim for group in self.groups for claim in claims[group].values())

    @property
    def group_sizes(self) -> tuple[int, ...]:
        """How many values each group has."""
        return tuple(len(attribute_claims()[group]) for group in self.groups)

    @property
    def group_weights(self) -> tuple[float, ...]:
        """How much each group counts."""
        return tuple(self.kind_weight if group in _KIND_GROUPS else 1.0 for group in self.groups)


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
            stages=(Stage(SIDE, Schedule(steps=3300, learning_rate=1e-3)),),
        ),
        EncoderRecipe(
            name="clip-objects",
            vision={"layers": 8, "width": 128, "head_width": 32, "patch_size": 8},
            stages=(
                Stage(
                    SIDE,
                    Schedule(2400, matrix_rate=0.02, cycle=3600),
                    crowded=0.65,
                    patch_dropout=0.5,
                ),
                Stage(
                    2 * SIDE,
                    Schedule(2600, learning_rate=7e-4, matrix_rate=0.012),
                    batch_size=64,
                    crowded=0.65,
                    patch_dropout=0.5,
                    blend=Blend(400, 0.3),
                ),
            ),
            plain_digits=0.1,
            groups=OBJECT_GROUPS,
            kind_weight=3.0,
        ),
    )
}


def model_config(recipe: EncoderRecipe, stage: Stage | None = None) -> dict[str, Any]:
    """The encoder's configuration, in open_clip's own format, with its words.

    In a stage of training it has that stage's size and leaves patches out.
    """
    side = recipe.side if stage is None else stage.side
    vision = dict(recipe.vision)
    if stage is not None and stage.patch_dropout:
        vision["patch_dropout"] = stage.patch_dropout
    words = vocabulary()
    tokenizer = WordTokenizer(words, CONTEXT)
    return {
        "model_cfg": {
            "embed_dim": recipe.embed_dim,
            "vision_cfg": {**vision, "image_size": side},
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
