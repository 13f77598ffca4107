"""Subjects whose reason is planted: features, embeddings and head are made by hand."""

from dataclasses import replace

import numpy as np
import torch
from tests.audit.planted_readings import CONCEPTS, MODEL, two_classes
from torch import nn

from seewhy.audit.alternatives.subject import Seen, Subject
from seewhy.audit.readings import ORIGINAL, Readings
from seewhy.data.records import ImageRecord
from seewhy.models.classifiers import Classifier
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import tiny_dual_encoder

EMBED, FEATURES = 8, 12
TEXTS = torch.eye(EMBED)[[0, 0, 0, 1, 1]] * torch.tensor([[1.0], [1], [-1], [1], [-1]])
"""Captions of colours point along the first axis, those of shapes along the second."""


def classifier(weight):
    """A classifier whose head has these weights."""
    module = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(FEATURES, 2))
    module[2].weight.data = torch.tensor(weight, dtype=torch.float32)
    return Classifier(module, preprocess=Preprocessing(8), classes=("five", "eight"), name=MODEL)


def readings(embeddings, logits, labels=None):
    count = len(embeddings)
    labels = [None] * count if labels is None else labels
    return Readings(
        records=tuple(
            ImageRecord(f"image-{number}", read=lambda: None, label=label)
            for number, label in enumerate(labels)
        ),
        similarities={ORIGINAL: (embeddings @ TEXTS.numpy().T).astype(np.float32)},
        logits={MODEL: {ORIGINAL: np.asarray(logits, dtype=np.float32)}},
        failures=(),
    )


def planted_subject(colour, shape, margin_weights, *, noise=0.1, seed=0, labels=None):
    """A model whose margin is `margin_weights` times (colour, shape), read off its features.

    Features are a turned copy of colour, shape and noise; embeddings are (colour, shape, noise).
    """
    generator = np.random.default_rng(seed)
    causes = np.stack([colour, shape], axis=1)

    def spanned(width):
        rest = noise * generator.normal(size=(len(colour), width - 2))
        return np.concatenate([causes, rest], axis=1)

    turn = np.linalg.qr(generator.normal(size=(FEATURES, FEATURES)))[0]
    features, embeddings = spanned(FEATURES) @ turn.T, spanned(EMBED)
    towards = turn[:, :2] @ np.asarray(margin_weights, dtype=float)
    model = classifier(np.stack([towards, -towards]) / 2)
    own = readings(embeddings, two_classes(causes @ np.asarray(margin_weights)), labels)
    seen = Seen(features, embeddings)
    return Subject(
        model=model,
        encoder=tiny_dual_encoder(),
        concepts=CONCEPTS,
        texts=TEXTS,
        yours=own,
        probe=own,
        seen={"yours": seen, "probe": seen},
        seed=0,
    )


def unrelated(subject):
    """The same subject with embeddings that features know nothing of."""
    generator = np.random.default_rng(1)
    seen = {
        name: replace(own, embeddings=generator.normal(size=own.embeddings.shape))
        for name, own in subject.seen.items()
    }
    return replace(subject, seen=seen)
