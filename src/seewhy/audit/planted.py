"""Classifiers with a known reason: trained on planted tasks, confirmed by counterfactuals."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.base.versions import library_versions
from seewhy.data.attributes import ATTRIBUTES
from seewhy.data.plants import HALF, Plant, make_plant
from seewhy.models.checkpoints import fit_weights, read_weights, write_weights
from seewhy.models.classifiers import Classifier
from seewhy.models.small import SMALL_FAMILIES, SmallFamily, small_classifier
from seewhy.results.files import output_folder, write_json
from seewhy.training.loop import Schedule, fit

SEEDS = 5
TRAINING_IMAGES = 1024
TRUTH_IMAGES = 200
RELIED = 0.25
"""Accuracy lost when a relied-on attribute is flipped, at least; what loses less is in doubt."""
IGNORED = 0.05
"""Accuracy lost when an ignored attribute is flipped, at most."""
LEARNED = 0.9

_PAIRS = tuple(
    (ATTRIBUTES[first], ATTRIBUTES[second])
    for first, second in ((0, 1), (1, 4), (4, 6), (6, 7), (7, 2), (2, 3), (3, 5), (5, 0))
)
_BATCH = 64
# Bumped whenever the recipe changes in a way that the digest of its facts would not see.
_RECIPE = 1
_SCHEDULES: Mapping[SmallFamily, Schedule] = {
    family: Schedule(
        steps=220 if family == "convnext" else 150,
        learning_rate=2e-3,
        weight_decay=0.01,
    )
    for family in SMALL_FAMILIES
}


class Truth(BaseModel):
    """What a classifier relies on, by counterfactual accuracy.

    `accuracy` is that on held-out images in which every planted attribute goes with the class;
    `drops[attribute]` what is lost when this attribute alone is flipped (1 to below 0).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    images: int
    accuracy: float
    drops: dict[str, float]

    @property
    def learned(self) -> bool:
        """Whether the classifier learned its task at all."""
        return self.accuracy >= LEARNED

    @property
    def dominant(self) -> str:
        """The attribute whose flip costs most."""
        return max(self.drops, key=lambda attribute: self.drops[attribute])


@dataclass(frozen=True)
class PlantedCase:
    """One classifier to be trained: a task and an architecture."""

    plant: Plant
    family: SmallFamily

    @property
    def name(self) -> str:
        """Such as "resnet: colour+shape/2"."""
        return f"{self.family}: {self.plant.name}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that decides the weights: task, architecture, schedule, versions."""
        facts = {
            "recipe": _RECIPE,
            "plant": asdict(self.plant),
            "family": self.family,
            "schedule": {k: str(v) for k, v in asdict(_SCHEDULES[self.family]).items()},
            "images": [TRAINING_IMAGES, TRUTH_IMAGES, _BATCH],
            "versions": library_versions(),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class PlantedModel:
    """A trained classifier and the truth about it."""

    case: PlantedCase
    classifier: Classifier
    truth: Truth


def standard_set(
    *, seeds: int = SEEDS, families: Sequence[SmallFamily] = SMALL_FAMILIES
) -> tuple[PlantedCase, ...]:
    """Every attribute alone, and in two pairs as halves and as twins, per architecture and seed.

    Seeds 3 and 4 of five have three classes instead of two; odd seeds draw digits where
    the task allows.
    """
    reasons = [
        *(((attribute,), 1.0) for attribute in ATTRIBUTES),
        *((pair, HALF) for pair in _PAIRS),
        *((pair, 1.0) for pair in _PAIRS),
    ]
    return tuple(
        PlantedCase(_standard_plant(relied, seed, agreement), family)
        for seed in range(seeds)
        for relied, agreement in reasons
        for family in families
    )


def quick_set() -> tuple[PlantedCase, ...]:
    """One seed: every attribute alone in one architecture, every half in another."""
    chosen = {"full": "resnet", "half": "vgg"}
    return tuple(
        case
        for case in standard_set(seeds=1, families=("resnet", "vgg"))
        if case.family == chosen.get(case.plant.role(case.plant.relied[0]))
    )


def _standard_plant(relied: tuple[str, ...], seed: int, agreement: float) -> Plant:
    classes = 3 if seed % 5 > 2 else 2
    has_texture = "texture" in relied or ("size" in relied and classes > 2)
    digits = seed % 2 == 1 and not has_texture
    return make_plant(relied, seed, classes=classes, digits=digits, agreement=agreement)


def planted_models(
    cases: Sequence[PlantedCase], folder: Path, *, processes: int = 1, progress: bool = False
) -> Iterator[PlantedModel]:
    """The trained classifiers in order; those not yet in the folder are trained and kept there."""
    train_planted(cases, folder, processes=processes, progress=progress)
    return (load_planted(case, folder) for case in cases)


def train_planted(
    cases: Sequence[PlantedCase], folder: Path, *, processes: int = 1, progress: bool = False
) -> None:
    """Train the classifiers that the folder lacks, and keep them there.

    Each process trains on one thread; what one of them has finished is never lost.
    """
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    output_folder(folder)
    groups = [list(group) for _, group in groupby(cases, key=lambda case: case.plant.name)]
    missing = [group for group in groups if not all(_is_kept(case, folder) for case in group)]
    with parallel_config("loky", inner_max_num_threads=1):
        done = Parallel(n_jobs=processes, return_as="generator")(
            delayed(_train_group)(group, folder) for group in missing
        )
        for _ in tqdm(done, total=len(missing), disable=not progress, unit="task"):
            pass


def load_planted(case: PlantedCase, folder: Path) -> PlantedModel:
    """A classifier of the folder; raises `UsageError` when it is not there or damaged."""
    weights, facts = _paths(case, folder)
    try:
        truth = Truth.model_validate_json(facts.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(f"{facts} cannot be read; remove it to train again: {error}") from error
    classifier = _untrained(case)
    fit_weights(classifier.module, read_weights(weights), source=str(weights))
    return PlantedModel(case, classifier, truth)


def _train_group(cases: Sequence[PlantedCase], folder: Path) -> None:
    """Train the architectures of one task, which share its pictures."""
    # Loky counts OpenMP's threads, torch its own.
    torch.set_num_threads(1)
    plant = cases[0].plant
    training = plant.examples(TRAINING_IMAGES, "train")
    pictures = [example.image() for example in training]
    labels = torch.tensor([example.label for example in training])
    truth = counterfactuals(plant)
    for case in cases:
        if _is_kept(case, folder):
            continue
        classifier = _untrained(case)
        pixels = torch.stack([classifier.preprocess(picture) for picture in pictures])
        _fit(classifier, pixels, labels, case=case)
        weights, facts = _paths(case, folder)
        write_weights(weights, classifier.module.state_dict())
        write_json(facts, counterfactual_truth(classifier, truth).model_dump(mode="json"))


def _fit(classifier: Classifier, pixels: Tensor, labels: Tensor, *, case: PlantedCase) -> None:
    module = classifier.module.to(memory_format=torch.channels_last)
    seed = case.plant.seed

    def loss_at(step: int) -> Tensor:
        rows = np.random.default_rng([seed, step]).integers(len(pixels), size=_BATCH)
        batch = pixels[rows].contiguous(memory_format=torch.channels_last)
        return functional.cross_entropy(module(batch).float(), labels[rows])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fit(module, loss_at, _SCHEDULES[case.family])


@dataclass(frozen=True)
class Counterfactuals:
    """Pictures of a task as they are (under None) and with each attribute flipped, with labels."""

    pictures: Mapping[str | None, Sequence[Image.Image]]
    labels: tuple[int, ...]


def counterfactuals(plant: Plant, *, images: int = TRUTH_IMAGES) -> Counterfactuals:
    """Held-out pictures in which every planted attribute goes with the class."""
    examples = plant.examples(images, "truth", agreement=1.0)
    pictures: dict[str | None, list[Image.Image]] = {None: [each.image() for each in examples]}
    for attribute in ATTRIBUTES:
        pictures[attribute] = [plant.flipped(each, attribute).image() for each in examples]
    return Counterfactuals(pictures, tuple(example.label for example in examples))


def counterfactual_truth(classifier: Classifier, cases: Counterfactuals) -> Truth:
    """Accuracy on the pictures, and what flipping each attribute alone takes from it."""
    accuracy = {
        name: _accuracy(classifier, pictures, cases.labels)
        for name, pictures in cases.pictures.items()
    }
    drops = {a: accuracy[None] - accuracy[a] for a in ATTRIBUTES}
    return Truth(images=len(cases.labels), accuracy=accuracy[None], drops=drops)


def _accuracy(
    classifier: Classifier, pictures: Sequence[Image.Image], labels: Sequence[int]
) -> float:
    pixels = torch.stack([classifier.preprocess(picture) for picture in pictures])
    answers = torch.cat([classifier.logits(batch) for batch in torch.split(pixels, _BATCH)]).argmax(
        dim=1
    )
    return float((answers == torch.tensor(labels)).double().mean())


def _untrained(case: PlantedCase) -> Classifier:
    return small_classifier(
        case.family, classes=case.plant.classes, seed=case.plant.seed, name=case.name
    )


def _paths(case: PlantedCase, folder: Path) -> tuple[Path, Path]:
    stem = folder / case.digest[:32]
    return stem.with_suffix(".safetensors"), stem.with_suffix(".json")


def _is_kept(case: PlantedCase, folder: Path) -> bool:
    return all(path.is_file() for path in _paths(case, folder))
