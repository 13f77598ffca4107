"""The stored small networks, and what they are given."""

from functools import cache
from pathlib import Path

import numpy as np
import torch

from seewhy.models.editing.published import published_network
from seewhy.models.editing.stepping import EditInputs

GOLDEN = Path(__file__).parents[2] / "golden/caption_editing"


@cache
def stored(name):
    """The arrays of a file: floats as doubles."""
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    return {
        key: each.double() if each.is_floating_point() else each for key, each in tensors.items()
    }


def part(name, prefix):
    """The arrays under a beginning, without it."""
    return {
        key.removeprefix(prefix): each
        for key, each in stored(name).items()
        if key.startswith(prefix)
    }


def close(found, wanted):
    """As near as double precision comes."""
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)


def stored_network(name):
    """In double precision and evaluation mode."""
    return published_network(part(name, "w."), source=name).double()


def stored_inputs(name):
    """The stored caption and image of every row; DCNet has no image."""
    arrays = stored(name)
    batch = len(arrays["gt_caption"])
    regions = arrays.get("regions", torch.zeros(batch, 1, 1).double())
    return EditInputs(
        arrays.get("prev_caption", torch.ones(batch, 1, dtype=torch.long)),
        arrays.get("prev_length", torch.ones(batch, dtype=torch.long)).flatten(),
        regions,
        torch.full((batch,), regions.shape[1]),
        sentences=arrays.get("sentence"),
        attributes=arrays.get("attributes"),
    )


def fed(name):
    """The words that are fed, and which of their places have a word after them."""
    lengths = stored(name)["gt_length"].flatten() - 1
    steps = int(lengths.max())
    return stored(name)["gt_caption"][:, :steps], torch.arange(steps) < lengths[:, None]


def true_loss(name, scores):
    """Mean cross-entropy over the real places."""
    words, kept = fed(name)
    after = stored(name)["gt_caption"][:, 1 : words.shape[1] + 1]
    return torch.nn.functional.cross_entropy(scores[kept], after[kept])
