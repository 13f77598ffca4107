"""The coloured-digit experiment: classifiers with a known reason, trained on the spot."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from seewhy.audit.result import AuditResult
from seewhy.audit.run import DEFAULT_ENCODER, prepare_study
from seewhy.audit.settings import AuditSettings
from seewhy.data.digits import Colouring, DigitExperiment
from seewhy.models.classifier_folder import CONFIG_FILE, load_classifier, save_classifier
from seewhy.models.classifiers import Classifier
from seewhy.models.load import load_model
from seewhy.models.preprocessing import Preprocessing
from seewhy.training.loop import Schedule, fit

Kind = Literal["biased", "unbiased", "untrained"]
Images = Literal["development", "field"]

EXPERIMENT = DigitExperiment()
CONCEPTS = {
    "colour": {"red": ["a photo of a red digit."], "green": ["a photo of a green digit."]},
    "shape": {
        "5": ["a photo of a digit with the value 5."],
        "8": ["a photo of a digit with the value 8."],
    },
    "expected": {"5": {"shape": "5", "colour": "red"}, "8": {"shape": "8", "colour": "green"}},
}
"""The captions of the paper, and which value goes with which class."""

_ARCHITECTURE = "torchvision:resnet18"
_TRAINED_ON: dict[Kind, Colouring] = {"biased": "label", "unbiased": "grey"}
_BATCH = 64
_SCHEDULE = Schedule(steps=60, learning_rate=1e-3, weight_decay=0.01)


def run_demo(
    *,
    seed: int = 0,
    output: Path,
    images: Images = "field",
    kinds: Sequence[Kind] = ("biased", "unbiased"),
    progress: bool = False,
    encoder: str = DEFAULT_ENCODER,
) -> AuditResult:
    """Train (or reuse) the classifiers, audit them on held-out digits, and save everything.

    "development" images have colour = value, as in training; on "field" images colour says
    nothing. Source: Koller et al., Caption-Driven Explainability, 2025, on smaller digits.
    """
    models = [
        demo_classifier(kind, seed=seed, folder=output / "models", progress=progress)
        for kind in kinds
    ]
    development = EXPERIMENT.records("held-out", "label", seed=seed)
    field = EXPERIMENT.records("held-out", "random", seed=seed)
    is_field = images == "field"
    study = prepare_study(
        models,
        field if is_field else development,
        CONCEPTS,
        encoder=encoder,
        settings=AuditSettings(seed=seed, progress=progress),
    )
    other = (
        {"colour as in training": development}
        if is_field
        else {"the field: colour at random": field}
    )
    result = replace(study, also=other).result()
    result.save(output)
    return result


def demo_classifier(kind: Kind, *, seed: int, folder: Path, progress: bool = False) -> Classifier:
    """The classifier of a kind and seed, from the folder or else trained and kept there.

    "biased" was trained with colour = value, "unbiased" on grey images (and sees every image in
    grey), "untrained" not at all.
    """
    home = folder / f"{kind}-{seed}"
    if (home / CONFIG_FILE).is_file():
        return load_classifier(home, name=kind)
    untrained = load_model(f"{_ARCHITECTURE}/random-weights", classes=EXPERIMENT.classes, seed=seed)
    classifier = Classifier(
        untrained.module,
        preprocess=Preprocessing(
            size=EXPERIMENT.side, colour="grey" if kind == "unbiased" else "rgb"
        ),
        classes=EXPERIMENT.classes,
        name=kind,
    )
    if kind != "untrained":
        _train(classifier, _TRAINED_ON[kind], seed=seed, progress=progress)
    save_classifier(classifier, home, arch=_ARCHITECTURE)
    return classifier


def _train(classifier: Classifier, colouring: Colouring, *, seed: int, progress: bool) -> None:
    records = EXPERIMENT.records("train", colouring, seed=seed)
    pixels = torch.stack([classifier.preprocess(record.read()) for record in records])
    labels = torch.tensor([classifier.classes.index(record.label or "") for record in records])
    module = classifier.module.to(memory_format=torch.channels_last)

    def loss_at(step: int) -> Tensor:
        rows = np.random.default_rng([seed, step]).integers(len(records), size=_BATCH)
        batch = pixels[rows].contiguous(memory_format=torch.channels_last)
        return functional.cross_entropy(module(batch), labels[rows])

    fit(module, loss_at, _SCHEDULE, progress=progress)
