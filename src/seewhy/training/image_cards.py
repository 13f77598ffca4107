"""What a trained image encoder says about itself."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from seewhy.models.ssl.folder import WEIGHTS_FILE
from seewhy.models.ssl.pooled import PooledEncoder
from seewhy.training.image_recipes import PREPROCESSING, SIDE, ImageRecipe
from seewhy.training.scene_pairs import CATALOGUE, held_out_pairs

HELD_OUT_PAIRS = 200
_PLAIN_DIGITS = (
    "Nothing says which object is the shared one. Some pairs are one digit that fills the",
    "picture.",
)


@dataclass(frozen=True)
class PairScores:
    """How well an encoder finds the other scene with the same object among those of a set.

    `found` is the share whose partner is the most similar of all, `similarity` the mean cosine of
    partners and `elsewhere` that of all others.
    """

    found: float
    similarity: float
    elsewhere: float


def pair_scores(
    module: nn.Module, *, pairs: int = HELD_OUT_PAIRS, seed: int = 0, company: float = 1.0
) -> PairScores:
    """On scenes of held-out handwriting, the module being in evaluation mode.

    `company` is the share of scenes in which the shared object is not alone.
    """
    batch = held_out_pairs(pairs, seed=seed, side=SIDE, company=company)
    mean, std = (torch.tensor(v)[:, None, None] for v in (PREPROCESSING.mean, PREPROCESSING.std))
    with torch.inference_mode():
        first, second = (
            functional.normalize(module((pictures - mean) / std).float(), dim=1)
            for pictures in (batch.first, batch.second)
        )
    cosines = first @ second.T
    partners = cosines.diagonal()
    others = cosines.sum() - partners.sum()
    found = (cosines.argmax(dim=1) == torch.arange(len(cosines))).float().mean()
    return PairScores(
        float(found), float(partners.mean()), float(others / (cosines.numel() - len(cosines)))
    )


def write_image_card(
    folder: Path, module: PooledEncoder, recipe: ImageRecipe, *, command: str
) -> None:
    """Write `card.md`: use, data, recipe, what was measured, limits."""
    scores = {
        "with company": pair_scores(module),
        "of the object alone": pair_scores(module, company=0.0),
    }
    company = ", alone or with one or two others" if recipe.company else ", alone"
    parameters = sum(weight.numel() for weight in module.parameters())
    size = (folder / WEIGHTS_FILE).stat().st_size
    schedule = recipe.schedule
    lines = [
        f"# A small image encoder, trained by `seewhy train ssl {command}`",
        "",
        "It turns an image of 64 x 64 pixels into an embedding, by the mean of 8 x 8 maps and a",
        "head. Trained from scratch by this project, without labels, for explanations of",
        "similarity, demonstrations and tests on drawn scenes and digits.",
        "",
        "## Data",
        "",
        "Scenes drawn by `seewhy.data.scenes` and handwritten digits of scikit-learn (UCI optical",
        "digits; two thirds for training). The two views of a pair are two scenes which have one",
        f"object in common (of {_catalogue()}): drawn anew elsewhere, at another",
        f"size, in another handwriting, on another background{company}.",
        *(_PLAIN_DIGITS if recipe.plain_digits else ()),
        "On top come mild crops and colours and an erased rectangle.",
        "",
        "## Recipe",
        "",
        f"- command: seewhy train ssl {command}",
        f"- steps: {schedule.steps} of {recipe.pairs} pairs",
        f"- learning rate: {schedule.learning_rate:g}, weight decay {schedule.weight_decay:g}",
        f"- channels: {', '.join(map(str, recipe.architecture.channels))}; head: "
        f"{', '.join(map(str, recipe.architecture.head))}",
        f"- parameters: {parameters:,} ({size / 2**20:.2f} MB in half precision)",
        "",
        "## Measured on scenes with held-out handwriting",
        "",
        *(
            f"- {name}: partner found among {HELD_OUT_PAIRS}: {100 * each.found:.1f} %; mean "
            f"cosine of partners {each.similarity:.3f}, of others {each.elsewhere:.3f}"
            for name, each in scores.items()
        ),
        "",
        "## Limits",
        "",
        "It knows drawn scenes and digits alone. For photographs load a published encoder.",
        "",
    ]
    (folder / "card.md").write_text("\n".join(lines), encoding="utf-8")


def _catalogue() -> str:
    return f"{len(CATALOGUE)} kinds, colours and textures"
