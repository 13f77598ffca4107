"""One model of an audit: its rows of evidence, its controls, its verdict and its details."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from seewhy.audit.controls import untrained_copies
from seewhy.audit.details import (
    accuracies,
    accuracy,
    class_rows,
    examples,
    guessing,
    intervention_effects,
    predicted,
)
from seewhy.audit.evidence import (
    Resamples,
    Shares,
    concept_changes,
    decision_share,
    intervention_share,
)
from seewhy.audit.grafts import (
    GraftReading,
    GraftSettings,
    ModelGraft,
    read_graft,
    run_controls,
    run_graft,
)
from seewhy.audit.interventions import INTERVENTIONS
from seewhy.audit.readings import ORIGINAL, ModelFamily, Readings, untrained_name
from seewhy.audit.running import pass_options
from seewhy.audit.schema import Control, ModelDetails, Verdict
from seewhy.audit.settings import AuditSettings
from seewhy.audit.shares import sampled_rows
from seewhy.audit.verdict import Case, combine, judge, untrained_p_value
from seewhy.base.axes import TextEmbeddings
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import Failure, ImageRecord
from seewhy.methods.grafting.method import Grafting
from seewhy.models.protocols import ClassifierLike, DualEncoder

CONTROL_IMAGES = 80

Read = Callable[[Sequence[ImageRecord], Sequence[ModelFamily], bool], Readings]


@dataclass(frozen=True)
class Bench:
    """What all models of an audit share: questions, reader, images and settings.

    `read(records, families, changed)` runs models over images, with or without interventions.
    """

    concepts: ConceptGroups
    encoder: DualEncoder
    texts: TextEmbeddings
    yours: Readings
    probe: Readings
    also: Mapping[str, Readings]
    settings: AuditSettings
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
    model_graft = ModelGraft(
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
    plain = torch.from_numpy(bench.yours.similarities[ORIGINAL])
    known = {record.id: row for record, row in zip(bench.yours.records, plain, strict=True)}
    done = run_graft(model_graft, bench.yours.records, known)
    bench = replace(bench, yours=bench.yours.without(done.failures))
    resamples = Resamples.draw(
        len(bench.yours), len(bench.probe), resamples=settings.bootstrap, seed=settings.seed
    )
    is_paper = settings.protocol == "paper"
    graft = read_graft(
        done,
        bench.yours.records,
        bench.concepts,
        run_controls(model_graft, bench.yours.records, done, seed=settings.seed),
        votes=is_paper,
        resamples=resamples.yours,
    )
    rows = voting_rows(bench.yours, bench.probe, model.name, bench=bench, resamples=resamples)
    p_value, control = _untrained_control(model, bench)
    verdict = judge(
        Case(
            model=model.name,
            groups=bench.concepts.names,
            rows=graft.rows[:1] if is_paper else rows,
            silent=[row.row for row in (rows if is_paper else graft.rows)],
            p_value=None if is_paper else p_value,
            controls=[*graft.controls, control],
            guessing=guessing(bench.yours, model.name, model.classes, bench.concepts),
        ),
        level=settings.level,
    )
    details = _details(model, bench, graft, resamples)
    return Judged(verdict, details, _image_rows(model, bench, graft), graft, done.failures)


def voting_rows(
    yours: Readings, probe: Readings, name: str, *, bench: Bench, resamples: Resamples
) -> list[Shares]:
    """The three rows that can vote: decision shares on both image sets, and interventions."""
    seed = bench.settings.seed
    variants = [variant for variant in yours.similarities if variant != ORIGINAL]
    return [
        decision_share(
            yours, name, bench.concepts, resamples=resamples.yours, name="decision-share", seed=seed
        ),
        decision_share(
            probe, name, bench.concepts, resamples=resamples.probe, name="probe-share", seed=seed
        ),
        intervention_share(
            yours,
            name,
            bench.concepts,
            changes=concept_changes(yours, bench.concepts, variants),
            resamples=resamples.yours,
        ),
    ]


def _grafting(settings: AuditSettings) -> Grafting:
    if settings.protocol == "paper":
        return Grafting(protocol="paper", resize="bicubic")
    return Grafting()


def _untrained_control(model: ClassifierLike, bench: Bench) -> tuple[float, Control]:
    """How strong a reliance untrained copies show on a part of the images; at most 80 of each."""
    settings = bench.settings
    family = ModelFamily(
        model, untrained_copies(model, count=settings.controls, seed=settings.seed)
    )
    yours = bench.read(_sample(bench.yours.records, settings.seed), [family], True)
    probe = bench.read(_sample(bench.probe.records, settings.seed), [family], False)
    resamples = Resamples.draw(len(yours), len(probe), resamples=10, seed=settings.seed)
    trained = combine(voting_rows(yours, probe, model.name, bench=bench, resamples=resamples))
    copies = [
        voting_rows(
            yours, probe, untrained_name(model.name, number), bench=bench, resamples=resamples
        )
        for number in range(settings.controls)
    ]
    p_value = 1.0 if trained is None else untrained_p_value(trained, copies)
    strengths = [float(c.strength.max()) if c else 0.0 for c in map(combine, copies)]
    return p_value, Control(
        name="untrained copies",
        expectation="their decisions go back to no group as strongly as the model's",
        value=max(strengths),
        holds=None,
        note=f"Variance of the decision that goes back to one group: at most {max(strengths):.3g} "
        f"in {len(copies)} untrained copies, "
        f"{float(trained.strength.max()) if trained else 0:.3g} in the model (p = {p_value:.2g}).",
    )


def _sample(records: Sequence[ImageRecord], seed: int) -> list[ImageRecord]:
    generator = np.random.default_rng([seed, 0xC0])
    return [records[row] for row in sampled_rows(len(records), CONTROL_IMAGES, generator)]


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
        examples=examples(
            yours,
            model.name,
            model.classes,
            effects=effects,
            interventions=INTERVENTIONS,
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
                for change in INTERVENTIONS
            },
            "similarities": path[row].tolist(),
            **{name: captions[won[row]] for name, won in winners.items()},
        }
        for row, record in enumerate(bench.yours.records)
    ]
