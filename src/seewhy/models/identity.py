"""Digests of what decides numbers: two models with the same digest give the same ones."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from seewhy.base.versions import library_versions
from seewhy.models.checkpoints import weights_hash
from seewhy.models.protocols import ImageModel

_PATTERN_SIZE = (97, 61)


def model_digest(model: ImageModel) -> str:
    """SHA-256 over the structure of the module, its weights and its preprocessing.

    The preprocessing counts by what it makes of a fixed pattern, as it may be any function.
    """
    pixels = model.preprocess(_pattern())
    parts = (repr(model.module), weights_hash(model.module), tensors_digest({"pattern": pixels}))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and numbers."""
    return weights_hash({name: torch.as_tensor(tensor) for name, tensor in tensors.items()})


def facts_digest(**facts: object) -> str:
    """SHA-256 over named facts and the versions of the libraries that compute with them."""
    text = json.dumps({**facts, "versions": library_versions()}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _pattern() -> Image.Image:
    width, height = _PATTERN_SIZE
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)
