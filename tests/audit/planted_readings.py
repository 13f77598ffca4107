"""Readings whose reason is planted: what the encoder reads and what decides are made by hand."""

import numpy as np

from seewhy.audit.readings import ORIGINAL, Readings
from seewhy.data.concepts import load_concepts
from seewhy.data.records import ImageRecord

CONCEPTS = load_concepts(
    {
        "colour": {"red": ["a red digit", "something red"], "green": ["a green digit"]},
        "shape": {"five": ["a five"], "eight": ["an eight"]},
    }
)
MODEL = "model"


def similarities(colour, shape):
    """Cosines of images and captions, given which value (1 or -1) each image has."""
    columns = [colour, colour, -colour, shape, -shape]
    return (0.2 + 0.05 * np.stack(columns, axis=1)).astype(np.float32)


def two_classes(margin):
    return np.stack([margin, -margin], axis=1).astype(np.float32) / 2


def independent(images=200, seed=0):
    """Colours and shapes that know nothing of each other."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(2, images))


def planted(colour, shape, margin, **variants):
    """Readings of one model; a variant is its own (colour, shape, margin)."""
    versions = {ORIGINAL: (colour, shape, margin)} | {
        name.replace("_", " "): version for name, version in variants.items()
    }
    return Readings(
        records=tuple(ImageRecord(f"image-{n}", read=lambda: None) for n in range(len(colour))),
        similarities={name: similarities(c, s) for name, (c, s, _) in versions.items()},
        logits={MODEL: {name: two_classes(m) for name, (_, _, m) in versions.items()}},
        failures=(),
    )
