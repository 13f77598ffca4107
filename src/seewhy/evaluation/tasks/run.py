"""From settings to an evaluation: data set, encoder, pass, figures."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.data.images import ReadPolicy
from seewhy.data.records import Failure
from seewhy.data.segmentation.records import LabelledSource
from seewhy.evaluation.tasks.camouflage import CamouflageTask
from seewhy.evaluation.tasks.catalogue import Choice, KnownDataset, known_dataset
from seewhy.evaluation.tasks.document import (
    DatasetFacts,
    Evaluation,
    EvaluationDocument,
    ImageCounts,
    MethodSummary,
    failure_counts,
    method_summary,
)
from seewhy.evaluation.tasks.job import Task, TaskJob, image_records
from seewhy.evaluation.tasks.pairs import MapsTask, PointsTask
from seewhy.evaluation.tasks.pointed import segmenter_name
from seewhy.evaluation.tasks.readings import images_without_labels, labelled_only, read_figures
from seewhy.evaluation.tasks.rows import Rows, rows_of, sums_of
from seewhy.evaluation.tasks.segmentation import SegmentationTask, confusions
from seewhy.evaluation.tasks.settings import SCORINGS, EvaluationSettings
from seewhy.evaluation.tasks.tagging import TaggingTask
from seewhy.evaluation.tasks.viewer import Viewer, input_side
from seewhy.methods.text_maps.catalogue import map_method, suited_method
from seewhy.methods.text_maps.method import TextMapMethod
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.models.colours import ColourSegmenter
from seewhy.models.identity import model_digest
from seewhy.models.load import load_model
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.protocols import PointSegmenter
from seewhy.models.segmenters import load_segmenter
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.passes.prompts import PromptEnsemble
from seewhy.passes.rows import failures_in
from seewhy.passes.store import Store

_AT_ONCE = ("segmentation", "tagging")


def evaluate(
    settings: EvaluationSettings,
    *,
    encoder: OpenClipEncoder | None = None,
    segmenter: PointSegmenter | None = None,
) -> Evaluation:
    """Run a task over a data set and measure it.

    `encoder` and `segmenter` take the place of those that the settings name. An image or truth
    that cannot be used becomes a failure and costs nothing else. Raises `UsageError` for what
    cannot be asked, `DataError` where no image is left.
    """
    known = known_dataset(settings.dataset)
    source = _opened(known, settings)
    encoder = encoder or _encoder(settings)
    viewer = _viewer(encoder, known, settings)
    task = _task(settings, viewer, source.class_names, segmenter)
    batch = settings.batch_size if settings.task in _AT_ONCE else 1
    job = TaskJob(task, {record.id: record.read_truth for record in source.records}, batch)
    part = run_job(job, image_records(source.records), _options(settings))
    failures = (*source.failures, *failures_in(part))
    found = rows_of(part)
    if not found.ids:
        raise _nothing_left(failures)
    rows = _kept(settings, found)
    document = EvaluationDocument(
        task=settings.task,
        dataset=_dataset_facts(settings, source, rows),
        encoder=encoder.name,
        unit="share" if settings.task == "camouflage" else "percent",
        images=_counts(settings, found, rows, failed=len(failures)),
        failures=failure_counts(failures),
        methods=_summaries(settings, rows, task.variants, source.class_names),
        settings=settings.recorded() | _resolved(settings, viewer, segmenter),
        hashes={"encoder": model_digest(encoder)},
        versions=library_versions(),
        notes=[*encoder.notes],
    )
    is_segmentation = settings.task == "segmentation"
    confused = confusions(sums_of(part), task.variants) if is_segmentation else {}
    return Evaluation(document, rows, failures, confused)


def _opened(known: KnownDataset, settings: EvaluationSettings) -> LabelledSource[Any]:
    """The source, with at most `limit` records, chosen by chance, in their order.

    What such a choice leaves out is not counted, whether it could have been used or not.
    """
    policy = ReadPolicy(tolerate_truncated=settings.tolerate_truncated)
    choice = Choice(settings.root, settings.words, settings.limit, settings.seed, policy)
    source = known.open(settings.task, choice)
    limit, count = settings.limit, len(source.records)
    if known.is_drawn or limit is None:
        return source
    generator = np.random.default_rng([settings.seed, limit])
    places = sorted(generator.choice(count, min(limit, count), replace=False).tolist())
    missing = f"; {len(source.failures)} more could not be listed" if source.failures else ""
    note = f"{len(places)} of {count} images were chosen by seed {settings.seed}{missing}"
    return replace(
        source,
        records=[source.records[place] for place in places],
        failures=(),
        notes=(*source.notes, note),
    )


def _encoder(settings: EvaluationSettings) -> OpenClipEncoder:
    found = load_model(
        settings.encoder, device=settings.device, allow_download=settings.allow_download
    )
    if not isinstance(found, OpenClipEncoder):
        raise UsageError(f"{settings.encoder} understands no texts; name a dual encoder.")
    return found


def _viewer(encoder: OpenClipEncoder, known: KnownDataset, settings: EvaluationSettings) -> Viewer:
    names = ("raw",) if settings.task == "tagging" else settings.chosen_methods
    templates = settings.templates or known.templates
    return Viewer(
        encoder,
        PromptEnsemble(encoder, templates, folder=settings.parts),
        {name: _method(name, encoder, settings.redundant) for name in names},
        input_side(encoder, settings.size, usual=known.size),
    )


def _method(
    name: str, encoder: OpenClipEncoder, redundant: tuple[str, ...] | None
) -> TextMapMethod:
    if redundant is None:
        return suited_method(name, encoder)
    found = map_method(name)
    return replace(found, redundant=redundant) if isinstance(found, ClipSurgery) else found


def _task(
    settings: EvaluationSettings,
    viewer: Viewer,
    class_names: tuple[str, ...],
    segmenter: PointSegmenter | None,
) -> Task:
    """The task; what cannot be asked of the encoder is refused before any image is read."""
    segmenter = segmenter or _named_segmenter(settings)
    asked = (settings.prompt,) if settings.task == "camouflage" else class_names
    for method in viewer.methods:
        viewer.ask(method, asked)
    match settings.task:
        case "maps":
            return MapsTask(viewer, class_names)
        case "points":
            return PointsTask(viewer, class_names, segmenter)
        case "segmentation":
            return SegmentationTask(viewer, class_names, settings.layout)
        case "tagging":
            scorings = tuple(each for each in SCORINGS if each in settings.chosen_methods)
            return TaggingTask(viewer, class_names, scorings)
        case _:
            return CamouflageTask(viewer, settings.prompt, segmenter)


def _named_segmenter(settings: EvaluationSettings) -> PointSegmenter | None:
    match settings.segmenter:
        case "none":
            return None
        case "colours":
            return ColourSegmenter()
        case place:
            found: PointSegmenter = load_segmenter(place, device=settings.device)
            return found


def _options(settings: EvaluationSettings) -> PassOptions:
    return PassOptions(
        shard_images=settings.shard_images,
        workers=settings.workers,
        progress=settings.progress,
        store=None if settings.parts is None else Store(settings.parts),
    )


def _kept(settings: EvaluationSettings, rows: Rows) -> Rows:
    if settings.unlabelled == "kept":
        return rows
    kept = labelled_only(rows)
    if not kept.ids:
        raise DataError(
            "no_labels", "no image bears a label. Keep unlabelled images, or mend them."
        )
    return kept


def _summaries(
    settings: EvaluationSettings,
    rows: Rows,
    variants: Sequence[str],
    class_names: tuple[str, ...],
) -> list[MethodSummary]:
    summaries = []
    for number, variant in enumerate(variants):
        own = rows.of_method(number)
        if not len(own.owner):
            raise DataError("no_labels", "no image bears a label, so there is nothing to measure.")
        reading = read_figures(settings.task, own, classes=len(class_names), variant=variant)
        summaries.append(
            method_summary(
                variant,
                reading,
                class_names,
                images=len(rows.ids),
                resamples=settings.bootstrap,
                seed=settings.seed,
            )
        )
    return summaries


def _resolved(
    settings: EvaluationSettings, viewer: Viewer, segmenter: PointSegmenter | None
) -> dict[str, Any]:
    """What the settings left open, as it was taken."""
    own = {} if segmenter is None else {"segmenter": segmenter_name(segmenter)}
    return own | {
        "methods": list(settings.chosen_methods),
        "templates": list(viewer.prompts.templates),
        "size": viewer.side,
    }


def _dataset_facts(
    settings: EvaluationSettings, source: LabelledSource[Any], rows: Rows
) -> DatasetFacts:
    return DatasetFacts(
        name=settings.dataset,
        title=source.name,
        class_names=list(source.class_names),
        fingerprint=_fingerprint(rows.ids),
        notes=list(source.notes),
    )


def _counts(settings: EvaluationSettings, found: Rows, kept: Rows, *, failed: int) -> ImageCounts:
    return ImageCounts(
        offered=len(found.ids) + failed,
        used=len(kept.ids),
        failed=failed,
        dropped=len(found.ids) - len(kept.ids),
        without_labels=images_without_labels(settings.task, kept),
    )


def _fingerprint(ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode("utf-8", "surrogatepass")).hexdigest()


def _nothing_left(failures: Sequence[Failure]) -> DataError:
    first = failures[0] if failures else Failure("", "", "there are none")
    return DataError(
        "all_failed",
        f"none of {len(failures)} images can be used. The first: {first.id!r}, {first.code}: "
        f"{first.message}",
    )
