"""All readings on planted classifiers: what each says of models whose reason is known."""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from pydantic import ValidationError

import seewhy.audit as package
from seewhy.audit.alternatives.catalogue import READINGS
from seewhy.audit.alternatives.subject import Answer, Subject, look
from seewhy.audit.details import intervention_effects
from seewhy.audit.field import field_losses
from seewhy.audit.planted import PlantedCase, PlantedModel, Truth, load_planted
from seewhy.audit.probes import probe_records
from seewhy.audit.readings import ModelFamily, PassSettings, Readings, read_images
from seewhy.audit.schema import Estimate, Record
from seewhy.audit.screening import chosen_changes
from seewhy.audit.shares import bootstrap_indices
from seewhy.base.errors import UsageError
from seewhy.data.concepts import ConceptGroups, load_concepts
from seewhy.data.plants import SIDE, Plant, Role
from seewhy.models.classifiers import Classifier
from seewhy.models.identity import facts_digest
from seewhy.models.load import load_model
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.models.small import small_classifier
from seewhy.results.files import output_folder, write_json

Kind = Literal["trained", "untrained", "shuffled captions", "reason not named"]

AUDITED_IMAGES = 128
PROBE_IMAGES = 200
GRAFTED_SEEDS = 1
"""Readings that graft take seconds a model: they are asked on the first seed only."""
CONTROLLED_SEEDS = 2
"""Seeds on which untrained networks and shuffled captions are asked about."""
DEFAULT_READING = "default"

_GRAFTS = ("graft-published", "graft-tied", "graft-tied-gain")
_UNTRAINED_SEED = 10_000
_RESAMPLES = 300


class Said(Record):
    """What one reading says of one model, in figures that JSON can hold."""

    reading: str
    kind: Kind
    case: str
    family: str
    named: list[str]
    strength: dict[str, float | None]
    p_values: dict[str, float]
    seconds: float


class TaskReport(Record):
    """One planted task: the role of each attribute, the truth per model, and what was said.

    `losses` are, per model and planted attribute, the predicted loss of accuracy in the field.
    """

    task: str
    seed: int
    classes: int
    relied: list[str]
    roles: dict[str, Role]
    truths: dict[str, Truth]
    losses: dict[str, dict[str, Estimate]]
    said: list[Said]


def compare_readings(
    cases: Sequence[PlantedCase],
    folder: Path,
    *,
    encoder: str,
    readings: Sequence[str] = tuple(READINGS),
    processes: int = 1,
    progress: bool = False,
) -> list[TaskReport]:
    """Ask the readings about every case of a folder of planted models, task by task.

    What was said of a task is kept in the folder, under a digest of models, encoder, readings
    and the audit's own sources, and not asked again.
    """
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    output_folder(folder / "said")
    groups = [list(group) for _, group in groupby(cases, key=lambda case: case.plant.name)]
    with parallel_config("loky", inner_max_num_threads=1):
        reports = Parallel(n_jobs=processes, return_as="generator")(
            delayed(_task_report)(group, folder, encoder, tuple(readings)) for group in groups
        )
        return list(tqdm(reports, total=len(groups), disable=not progress, unit="task"))


def _task_report(
    cases: Sequence[PlantedCase], folder: Path, encoder: str, readings: tuple[str, ...]
) -> TaskReport:
    # Loky counts OpenMP's threads, torch its own.
    torch.set_num_threads(1)
    digest = facts_digest(
        cases=[case.digest for case in cases],
        encoder=encoder,
        readings=readings,
        images=[AUDITED_IMAGES, PROBE_IMAGES, GRAFTED_SEEDS, CONTROLLED_SEEDS],
        sources=_sources_digest(),
    )
    path = folder / "said" / f"{digest[:32]}.json"
    try:
        return TaskReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        models = [load_planted(case, folder) for case in cases]
        report = task_report(models, _dual_encoder(encoder), readings=readings)
        write_json(path, report.model_dump(mode="json"))
        return report


def _dual_encoder(name: str) -> DualEncoder:
    encoder = load_model(name)
    if not isinstance(encoder, DualEncoder):
        raise UsageError(f"{name} is no dual encoder of images and texts.")
    return encoder


def _sources_digest() -> str:
    """SHA-256 over the audit's sources: what was said by other code is not taken for this one's."""
    digest = hashlib.sha256()
    for path in sorted(Path(package.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def task_report(
    models: Sequence[PlantedModel], encoder: DualEncoder, *, readings: Sequence[str]
) -> TaskReport:
    """Ask the readings about the models of one task, which see the same images.

    The audit's own reading is also asked about untrained networks, with shuffled captions, and
    with captions that do not name what is relied on.
    """
    plant = models[0].case.plant
    is_controlled = plant.seed < CONTROLLED_SEEDS
    untrained = [_untrained(model.case) for model in models] if is_controlled else []
    subjects = _subjects([*(model.classifier for model in models), *untrained], models, encoder)
    wanted = [name for name in readings if name not in _GRAFTS or plant.seed < GRAFTED_SEEDS]
    said = []
    for model, subject in zip(models, subjects[: len(models)], strict=True):
        said += [_said(name, "trained", model.case, subject) for name in wanted]
        if is_controlled:
            said.append(_said(DEFAULT_READING, "shuffled captions", model.case, _shuffled(subject)))
            said.append(
                _said(DEFAULT_READING, "reason not named", model.case, _unnamed(subject, plant))
            )
    for model, subject in zip(models, subjects[len(models) :], strict=False):
        said.append(_said(DEFAULT_READING, "untrained", model.case, subject))
    return TaskReport(
        task=plant.name,
        seed=plant.seed,
        classes=len(plant.classes),
        relied=list(plant.relied),
        roles={attribute: plant.role(attribute) for attribute in plant.values},
        truths={model.case.name: model.truth for model in models},
        losses={
            model.case.name: _losses(plant, subject)
            for model, subject in zip(models, subjects, strict=False)
        },
        said=said,
    )


def _losses(plant: Plant, subject: Subject) -> dict[str, Estimate]:
    yours, name, classes = subject.yours, subject.model.name, subject.model.classes
    positions = bootstrap_indices(len(yours), _RESAMPLES, subject.generator())
    effects = intervention_effects(yours, name, classes, subject.concepts, resamples=positions)
    losses = field_losses(
        yours, name, classes, subject.concepts, effects=effects, resamples=positions
    )
    return {attribute: losses[attribute].loss for attribute in plant.relied}


def _subjects(
    classifiers: Sequence[ClassifierLike], models: Sequence[PlantedModel], encoder: DualEncoder
) -> list[Subject]:
    plant = models[0].case.plant
    concepts = load_concepts(plant.concepts())
    texts = encoder.encode_texts(list(concepts.captions))
    settings = PassSettings(batch_size=32, seed=plant.seed)
    records = plant.records(AUDITED_IMAGES, "audit")
    families = [ModelFamily(classifier) for classifier in classifiers]
    changes = chosen_changes(records, encoder, concepts, captions=texts, settings=settings)
    yours, probe = (
        read_images(
            images, families, encoder, captions=texts, interventions=changed, settings=settings
        )
        for images, changed in (
            (records, changes),
            (probe_records(PROBE_IMAGES, side=SIDE, seed=plant.seed), ()),
        )
    )
    return [
        Subject(
            model=classifier,
            encoder=encoder,
            concepts=concepts,
            texts=texts,
            yours=yours,
            probe=probe,
            seen={
                name: look(classifier, encoder, records=each.records)
                for name, each in (("yours", yours), ("probe", probe))
            }
            if classifier in [model.classifier for model in models]
            else {},
            seed=plant.seed,
        )
        for classifier in classifiers
    ]


def _untrained(case: PlantedCase) -> Classifier:
    return small_classifier(
        case.family,
        classes=case.plant.classes,
        seed=_UNTRAINED_SEED + case.plant.seed,
        name=f"{case.name}, untrained",
    )


def _shuffled(subject: Subject) -> Subject:
    """The same with every caption read as another one, drawn at random."""
    generator = np.random.default_rng([subject.seed, 0x5F])
    return _with_captions(subject, generator.permutation(len(subject.texts)))


def _unnamed(subject: Subject, plant: Plant) -> Subject:
    """The same without the captions of the planted attributes."""
    groups = subject.concepts.groups
    kept = tuple(group for group in groups if group.name not in plant.relied)
    names = [group.name for group in groups for value in group.values for _ in value.captions]
    places = np.array([place for place, name in enumerate(names) if name not in plant.relied])
    return replace(_with_captions(subject, places), concepts=ConceptGroups(kept))


def _with_captions(subject: Subject, places: Int[np.ndarray, " captions"]) -> Subject:
    """The same with the captions of these places, in their order."""

    def dealt(readings: Readings) -> Readings:
        return replace(
            readings,
            similarities={name: each[:, places] for name, each in readings.similarities.items()},
        )

    return replace(
        subject,
        texts=subject.texts[torch.from_numpy(places)],
        yours=dealt(subject.yours),
        probe=dealt(subject.probe),
    )


def _said(name: str, kind: Kind, case: PlantedCase, subject: Subject) -> Said:
    start = time.perf_counter()
    answer = READINGS[name](subject)
    return Said(
        reading=name,
        kind=kind,
        case=case.name,
        family=case.family,
        named=list(answer.named),
        strength=dict.fromkeys(case.plant.values) | _known(answer),
        p_values=dict.fromkeys(case.plant.values, 1.0) | dict(answer.p_values)
        if answer.p_values
        else {},
        seconds=time.perf_counter() - start,
    )


def _known(answer: Answer) -> dict[str, float | None]:
    return {
        group: None if math.isnan(value) else float(value)
        for group, value in answer.strength.items()
    }
