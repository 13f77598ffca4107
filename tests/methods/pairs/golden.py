"""Stored results of the published code on a small encoder of random weights, and that encoder."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing

FOLDER = Path(__file__).parents[2] / "golden" / "similarity"
SIDE = 48


@cache
def arrays(name):
    with np.load(FOLDER / f"{name}.npz") as stored:
        return dict(stored)


def tensor(name, key):
    return torch.from_numpy(arrays(name)[key]).float()


def views(pair=None):
    """The views of one pair or of all three, in [0, 1], without mean and deviation."""
    both = tuple(tensor("pairs", f"view{view}_u8") / 255 for view in (1, 2))
    return both if pair is None else tuple(view[pair : pair + 1] for view in both)


class SmallEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 24, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Linear(24, 32, bias=False),
            nn.BatchNorm1d(32),
            nn.ReLU(),
            nn.Linear(32, 16, bias=False),
        )

    def forward(self, pixels):
        return self.head(self.net(pixels).mean(dim=(2, 3)))


def golden_encoder():
    """The stored weights; its maps are those after the last ReLU."""
    module = SmallEncoder()
    weights = {
        key.replace("encoder.net", "net").replace("contrastive_head", "head"): torch.from_numpy(
            array
        )
        for key, array in arrays("encoder").items()
    }
    lacking = module.load_state_dict(weights, strict=False)
    assert not lacking.unexpected_keys
    assert all("num_batches" in key for key in lacking.missing_keys)
    return ImageEncoder(
        module.eval(),
        preprocess=Preprocessing(SIDE, interpolation="bilinear"),
        name="golden",
        site="net.7",
    )


def assert_near(found, expected, tolerance=1e-4):
    """The largest difference, relative to the largest value."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()
