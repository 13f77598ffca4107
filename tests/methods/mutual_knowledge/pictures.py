"""The stored picture and its parts, as a model's input and as labels; others drawn by hand."""

import numpy as np
import torch
from tests.methods.mutual_knowledge.golden import arrays

from seewhy.models.preprocessing import Preprocessing

CLIP = Preprocessing(
    96,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)


def golden_pixels():
    return torch.from_numpy(arrays("prompts")["image"])[None]


def golden_labels():
    """Labels in the order of the stored colours, of which the first, black, is background."""
    stored = arrays("prompts")
    same = stored["segments_rgb"][:, :, None] == stored["unique_colors"]
    return same.all(axis=-1).argmax(axis=-1)[None] - 1


def labels(*rows):
    """One image: digits are labels, all else is background."""
    return np.array([[[int(x) if x.isdigit() else -1 for x in row] for row in rows]])


def blocks(size, **boxes):
    """One image of a square size; part0=(slice, slice) is where label 0 is, and so on."""
    grid = np.full((1, size, size), -1)
    for name, box in boxes.items():
        grid[0][box] = int(name.removeprefix("part"))
    return grid
