"""What a trained encoder says about itself: the log of its training and its model card."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.evaluation.zero_shot import held_out_digits, held_out_scenes, zero_shot_accuracy
from seewhy.models.embedded import normalised_pixels
from seewhy.models.vocabulary import WordTokenizer

HELD_OUT_IMAGES = 1000
_LOG_EVERY = 200
_LOG_IMAGES = 200


class TrainingLog:
    """Writes loss and held-out accuracies to a CSV file every 200 steps.

    A log that starts after some steps is written below what the file holds.
    """

    def __init__(
        self,
        path: Path,
        module: Any,
        tokenizer: WordTokenizer,
        *,
        groups: Sequence[str] | None = None,
        after: int = 0,
    ) -> None:
        self._path = path
        self._module = module
        self._tokenizer = tokenizer
        self._groups = groups
        self._after = after
        path.parent.mkdir(parents=True, exist_ok=True)
        if not after:
            path.write_text("", encoding="utf-8")

    def after_step(self, step: int, loss: float) -> None:
        """One row at every 200th step."""
        step += self._after
        if (step + 1) % _LOG_EVERY:
            return
        self._module.eval()
        scores = zero_shot_scores(
            self._module, self._tokenizer, images=_LOG_IMAGES, groups=self._groups
        )
        self._module.train()
        row = {"step": step + 1, "loss": round(loss, 4)} | {
            name: round(score, 4) for name, score in scores.items()
        }
        is_new = not self._path.stat().st_size
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)


def zero_shot_scores(
    module: Any, tokenizer: WordTokenizer, *, images: int, groups: Sequence[str] | None = None
) -> dict[str, float]:
    """Held-out accuracy per group; digits that fill the image are named "digits: ...".

    `groups` are those that the encoder has learnt, by default all.
    """
    side = module.visual.image_size
    side = side[0] if isinstance(side, tuple) else side

    def encode_images(pixels: np.ndarray) -> Float[Tensor, "images embed"]:
        chunks = torch.split(normalised_pixels(pixels), 100)
        with torch.inference_mode():
            return torch.cat([module.encode_image(chunk, normalize=True) for chunk in chunks])

    def encode_texts(texts: Sequence[str]) -> Float[Tensor, "texts embed"]:
        with torch.inference_mode():
            embeddings: Tensor = module.encode_text(tokenizer(texts), normalize=True)
        return embeddings

    scenes = zero_shot_accuracy(held_out_scenes(images, side=side), encode_images, encode_texts)
    digits = zero_shot_accuracy(held_out_digits(side=side), encode_images, encode_texts)
    found = scenes | {f"digits: {group}": score for group, score in digits.items()}
    return {
        name: score
        for name, score in found.items()
        if groups is None or name.removeprefix("digits: ") in groups
    }


def write_card(
    folder: Path, *, title: str, facts: Mapping[str, str], scores: Mapping[str, float]
) -> None:
    """Write `card.md`: use, data, recipe, held-out accuracy, limits."""
    lines = [
        f"# {title}",
        "",
        "A small CLIP in open_clip's own class, trained from scratch by this project for audits,",
        "demonstrations and tests on digits and drawn scenes.",
        "",
        "## Data",
        "",
        "Handwritten digits of scikit-learn (UCI optical digits; two thirds for training, a third",
        "held out) and scenes drawn by `seewhy.data.scenes`: one to three objects (six shapes, ten",
        "digits), eight colours, four textures, three sizes, five positions, ten background",
        "colours, four background textures, a frame or a corner mark. Captions come from",
        "`seewhy.data.claims`; every caption true of an image counts as its positive.",
        "",
        "## Recipe",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
        "",
        "## Held-out zero-shot accuracy",
        "",
        "| group | accuracy |",
        "| --- | --- |",
        *(f"| {name} | {100 * score:.1f} % |" for name, score in scores.items()),
        "",
        "Scenes of one object with held-out handwriting; `digits: ...` are held-out digits that",
        "fill the image. Captions are the plainest ones (`seewhy.data.claims.canonical_phrase`).",
        "",
        "## Limits",
        "",
        "It knows only the words and things named above: photographs, other objects and other",
        "words are outside its world. Unknown words are refused by name; known ones of groups",
        "that its captions do not speak of say nothing to it. Use a published CLIP",
        "(`open_clip:...`) for real photographs.",
        "",
    ]
    (folder / "card.md").write_text("\n".join(lines), encoding="utf-8")
