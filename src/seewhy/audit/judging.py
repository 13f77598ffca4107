"""One model of an audit: its rows of evidence, its controls, its verdict and its details."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from seewhy.audit.controls import untrained_copies
from seewhy.audit.details import (
    accuracies,
    accuracy,
    examples,
    guessing,
    intervention_effects,
    predicted,
)
from seewhy.audit.evidence import Resamples
from seewhy.audit.field import field_losses
from seewhy.audit.grafts import (
    GraftReading,
    GraftSettings,
    ModelGraft,
    read_graft,
    run_controls,
    run_graft,
)
from seewhy.audit.pixels.interventions import Intervention
from seewhy.audit.readings import ORIGINAL, ModelFamily, Readings
from seewhy.audit.rows import captions_control, control_records, untrained_control, voting_rows
from seewhy.audit.running import pass_options
from seewhy.audit.schema import Control, ModelDetails, Verdict
from seewhy.audit.settings import AuditSettings
from seewhy.audit.slices import class_rows, slice_rows
from seewhy.audit.verdict import Case, judge
from seewhy.base.axes import TextEmbeddings
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import Failure, ImageRecord
from seewhy.methods.grafting.method import Grafting
from seewhy.models.protocols import ClassifierLike, DualEncoder

Read = Callable[[Sequence[ImageRecord], Sequence[ModelFamily], Sequence[Intervention]], Readings]


@dataclass(frozen=True)
class Bench:
    """What all models of an audit share: questions, reader, images and settings.

    `changes` are the interventions on your images; `read(records, families, changes)` runs
    models over images and their changed versions.
    """

    concepts: ConceptGroups
    encoder: DualEncoder
    texts: TextEmbeddings
    yours: Readings
    probe: Readings
    also: Mapping[str, Readings]
    settings: AuditSettings
    changes: tuple[Intervention, ...]
    read: Read


@dataclass(frozen=True)
class Judged:
    """One model's verdict, details, per-image rows and graft, and where its graft failed."""

    verdict: Verdict
    details: ModelDetails
    rows: list[dict[str, Any]]
    graft: GraftReading
    failures: tuple[Failure, ...] = ()


def judge_model(model: ClassifierLike, bench: Bench) -> Judged:
    """Gather the evidence on one model and judge it."""
    settings = bench.settings
    is_paper = settings.protocol == "paper"
    model_graft = _model_graft(model, bench)
    done = run_graft(model_graft, bench.yours.records, _plain_similarities(bench.yours))
    bench = replace(bench, yours=bench.yours.without(done.failures))
    resamples = Resamples.draw(
        len(bench.yours), len(bench.probe), resamples=settings.bootstrap, seed=settings.seed
    )
    graft = read_graft(
        done,
        bench.yours.records,
        bench.concepts,
        run_controls(model_graft, bench.yours.records, done, seed=settings.seed),
        votes=is_paper,
        resamples=resamples.yours,
    )
    rows = voting_rows(
        bench.yours,
        bench.probe,
        model.name,
        concepts=bench.concepts,
        resamples=resamples,
        seed=settings.seed,
    )
    p_value, control = _untrained_control(model, bench)
    verdict = judge(
        Case(
            model=model.name,
            groups=bench.concepts.names,
            rows=graft.rows[:1] if is_paper else rows,
            silent=[row.row for row in (rows if is_paper else graft.rows)],
            p_value=None if is_paper else p_value,
            controls=[*graft.controls, control, captions_control(bench.yours, bench.concepts)],
            guessing=guessing(bench.yours, model.name, model.classes, bench.concepts),
        ),
        level=settings.level,
    )
    details = _details(model, bench, graft, resamples)
    return Judged(verdict, details, _image_rows(model, bench, graft), graft, done.failures)


def _model_graft(model: ClassifierLike, bench: Bench) -> ModelGraft:
    settings = bench.settings
    return ModelGraft(
        model,
        bench.encoder,
        bench.texts,
        GraftSettings(
            grafting=_grafting(settings),
            memory=int(settings.memory),
            precision="float32" if settings.approximate is None else "bfloat16",
            options=pass_options(settings),
        ),
    )


def _plain_similarities(readings: Readings) -> dict[str, Tensor]:
    """What the encoder says of each image, by its id."""
    plain = torch.from_numpy(readings.similarities[ORIGINAL])
    return {record.id: row for record, row in zip(readings.records, plain, strict=True)}


def _grafting(settings: AuditSettings) -> Grafting:
    if settings.protocol == "paper":
        return Grafting(protocol="paper", resize="bicubic")
    return Grafting()


def _untrained_control(model: ClassifierLike, bench: Bench) -> tuple[float, Control]:
    settings = bench.settings
    copies = untrained_copies(model, count=settings.controls, seed=settings.seed)
    sample = control_records(bench.yours.records, seed=settings.seed)
    readings = bench.read(sample, [ModelFamily(model, copies)], ())
    return untrained_control(readings, model.name, copies=len(copies))


def _details(
    model: ClassifierLike, bench: Bench, graft: GraftReading, resamples: Resamples
) -> ModelDetails:
    yours, concepts, seed = bench.yours, bench.concepts, bench.settings.seed
    effects = intervention_effects(
        yours, model.name, model.classes, concepts, resamples=resamples.yours
    )
    return ModelDetails(
        model=model.name,
        classes=list(model.classes),
        accuracy=accuracies(yours, model.name, model.classes, concepts, resamples=resamples.yours)
        | {
            name: accuracy(readings, model.name, model.classes, seed=seed)
            for name, readings in bench.also.items()
        },
        interventions=effects,
        layers=graft.layers,
        matching=graft.matching,
        published=graft.published,
        per_class=class_rows(
            yours, model.name, model.classes, concepts, effects=effects, seed=seed
        ),
        slices=slice_rows(yours, model.name, model.classes, concepts, effects=effects, seed=seed),
        field=field_losses(
            yours,
            model.name,
            model.classes,
            concepts,
            effects=effects,
            resamples=resamples.yours,
        ),
        examples=examples(
            yours,
            model.name,
            model.classes,
            effects=effects,
            interventions=bench.changes,
            seed=seed,
        ),
    )


def _image_rows(model: ClassifierLike, bench: Bench, graft: GraftReading) -> list[dict[str, Any]]:
    """Per image: answers, similarities for 0..L stages, and who wins."""
    captions = bench.concepts.captions
    answers = predicted(bench.yours, model.name)
    confidence = bench.yours.probabilities(model.name).max(axis=1)
    path = graft.similarities
    winners: Mapping[str, list[int]] = {
        "winner_before": path[:, 0].argmax(dim=1).tolist(),
        "winner_after": path[:, -1].argmax(dim=1).tolist(),
        "winner_influence": (path[:, -1] - path[:, 0]).argmax(dim=1).tolist(),
    }
    return [
        {
            "model": model.name,
            "id": record.id,
            "label": record.label,
            "predicted": model.classes[int(answers[row])],
            "confidence": float(confidence[row]),
            **{
                f"predicted: {change.name}": model.classes[
                    int(predicted(bench.yours, model.name, change.name)[row])
                ]
                for change in bench.changes
            },
            "similarities": path[row].tolist(),
            **{name: captions[won[row]] for name, won in winners.items()},
        }
        for row, record in enumerate(bench.yours.records)
    ]
