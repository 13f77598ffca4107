"""`audit`: from models, images and concepts to verdicts."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from seewhy.audit.arrays import explained
from seewhy.audit.judging import Bench, Judged, judge_model
from seewhy.audit.pixels.interventions import Intervention
from seewhy.audit.probes import probe_records
from seewhy.audit.readings import ModelFamily, PassSettings, Readings, read_images
from seewhy.audit.result import AuditResult
from seewhy.audit.running import pass_options
from seewhy.audit.schema import AuditDocument
from seewhy.audit.screening import chosen_changes
from seewhy.audit.settings import AuditSettings
from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.data.concepts import ConceptGroups, load_concepts
from seewhy.data.images import ReadPolicy
from seewhy.data.records import ImageRecord
from seewhy.data.sources import ImageSource, open_source
from seewhy.models.checkpoints import weights_hash
from seewhy.models.load import load_model
from seewhy.models.protocols import ClassifierLike, DualEncoder, ImageModel

DEFAULT_ENCODER = "embedded:clip-resnet"


def audit(
    model: Any,
    data: Any,
    concepts: ConceptGroups | str | Path | Mapping[str, Any],
    *,
    encoder: Any = DEFAULT_ENCODER,
    probe: Any = None,
    settings: AuditSettings | None = None,
) -> AuditResult:
    """Which concept group do a classifier's decisions rely on?

    Args:
        model: a `Classifier`, a name for `load_model`, or several of them to compare; all are
            read on the same images.
        data: a folder, a CSV or Parquet manifest, a torch Dataset, or image records.
        concepts: a YAML file or mapping of concept groups (see `load_concepts`).
        encoder: the dual encoder that reads the images, or its name.
        probe: images unrelated to the task, as for `data`; drawn ones when None.
        settings: everything else that changes a number.

    Returns:
        The verdicts with all evidence, tables and figures.

    Raises:
        UsageError: when the request cannot be served; the message says what to change.
        DataError: when no image can be used. When too many cannot, `AuditResult.check` says so,
            and nothing that was computed is lost.
    """
    return prepare_study(
        model, data, concepts, encoder=encoder, probe=probe, settings=settings or AuditSettings()
    ).result()


def prepare_study(
    model: Any,
    data: Any,
    concepts: ConceptGroups | str | Path | Mapping[str, Any],
    *,
    encoder: Any = DEFAULT_ENCODER,
    probe: Any = None,
    settings: AuditSettings,
) -> "Study":
    """Load, open and check all that `audit` was given; nothing is computed yet."""
    load = partial(load_model, device=settings.device, allow_download=settings.allow_download)
    reader = _checked_encoder(load(encoder) if isinstance(encoder, str) else encoder)
    groups = load_concepts(concepts)
    policy = ReadPolicy(tolerate_truncated=settings.tolerate_truncated)
    given = [model] if isinstance(model, str) or not isinstance(model, Sequence) else model
    side = int(reader.preprocess(Image.new("RGB", (64, 64))).shape[-1])
    return Study(
        models=_checked_models([load(each) if isinstance(each, str) else each for each in given]),
        source=open_source(data, policy=policy),
        probe=probe_records(settings.probe_images, side=side, seed=settings.seed)
        if probe is None
        else open_source(probe, policy=policy).records,
        concepts=groups,
        encoder=reader,
        texts=reader.encode_texts(list(groups.captions)),
        settings=settings,
    )


@dataclass(frozen=True)
class Study:
    """The resolved parts of one audit, and what it does with them in order.

    `also` holds further labelled image sets by name, on which only the accuracy is measured.
    """

    models: tuple[ClassifierLike, ...]
    source: ImageSource
    probe: Sequence[ImageRecord]
    concepts: ConceptGroups
    encoder: DualEncoder
    texts: TextEmbeddings
    settings: AuditSettings
    also: Mapping[str, Sequence[ImageRecord]] = field(default_factory=dict)

    def result(self) -> AuditResult:
        """Read all images with all models, then judge each model."""
        families = [ModelFamily(model) for model in self.models]
        changes = chosen_changes(
            self.source.records,
            self.encoder,
            self.concepts,
            captions=self.texts,
            settings=self._pass_settings(),
        )
        yours = self._read(self.source.records, families, changes)
        _refuse_empty(yours, self.source)
        bench = Bench(
            concepts=self.concepts,
            encoder=self.encoder,
            texts=self.texts,
            yours=yours,
            probe=self._read(self.probe, families, ()),
            also={name: self._read(records, families, ()) for name, records in self.also.items()},
            settings=self.settings,
            changes=changes,
            read=self._read,
        )
        judged = [judge_model(model, bench) for model in self.models]
        document = self._document(bench, judged)
        return AuditResult(
            document=document,
            images=[row for each in judged for row in each.rows],
            failures=(
                *self.source.failures,
                *yours.failures,
                *(failure for each in judged for failure in each.failures),
            ),
            explanation=explained(document, judged),
        )

    def _read(
        self,
        records: Sequence[ImageRecord],
        families: Sequence[ModelFamily],
        changes: Sequence[Intervention],
    ) -> Readings:
        return read_images(
            records,
            families,
            self.encoder,
            captions=self.texts,
            interventions=changes,
            settings=self._pass_settings(),
        )

    def _pass_settings(self) -> PassSettings:
        return PassSettings(
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            options=pass_options(self.settings),
        )

    def _document(self, bench: Bench, judged: Sequence[Judged]) -> AuditDocument:
        failed = len(self.source.failures) + len(bench.yours.failures)
        return AuditDocument(
            created=_now(),
            title=_question([model.name for model in self.models]),
            encoder=self.encoder.name,
            groups=self.concepts.as_dict(),
            images={"used": len(bench.yours), "failed": failed, "probe": len(bench.probe)},
            notes=[
                *self.source.notes,
                *_model_notes([*self.models, self.encoder]),
                *_decoding_notes(bench.yours),
                *_label_notes(self.models, bench.yours),
            ],
            settings=self.settings.recorded(),
            versions=library_versions(),
            hashes={
                f"encoder {self.encoder.name}": weights_hash(self.encoder.module),
                **{f"model {m.name}": weights_hash(m.module) for m in self.models},
                "images": self.source.fingerprint(),
            },
            verdicts=[each.verdict for each in judged],
            details=[each.details for each in judged],
        )


def _now() -> str:
    """The date of the audit; that of SOURCE_DATE_EPOCH where outputs have to be reproducible."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed.isdigit() else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def _question(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"What does {names[0]} rely on?"
    return f"What do {', '.join(names[:-1])} and {names[-1]} rely on?"


def _checked_encoder(encoder: object) -> DualEncoder:
    if not isinstance(encoder, DualEncoder):
        raise UsageError(
            f"{encoder!r} is no dual encoder of images and texts; name a CLIP, such as "
            f"{DEFAULT_ENCODER}."
        )
    return encoder


def _checked_models(models: Sequence[object]) -> tuple[ClassifierLike, ...]:
    checked: list[ClassifierLike] = []
    for model in models:
        if not isinstance(model, ClassifierLike):
            raise UsageError(
                f"{type(model).__name__} is no classifier; wrap the module: "
                "seewhy.Classifier(module, preprocess=..., classes=[...])."
            )
        if model.name in [other.name for other in checked]:
            raise UsageError(f"two models are called {model.name!r}; give each its own name.")
        checked.append(model)
    if not checked:
        raise UsageError("no model given; name at least one classifier.")
    return tuple(checked)


def _refuse_empty(yours: Readings, source: ImageSource) -> None:
    if len(yours):
        return
    failures = [*source.failures, *yours.failures]
    first = "; ".join(f"{f.id!r}: {f.code}, {f.message}" for f in failures[:3])
    raise DataError("all_failed", f"none of {len(failures)} images could be used: {first}.")


def _model_notes(models: Sequence[ImageModel]) -> list[str]:
    return [f"{model.name}: {note}" for model in models for note in getattr(model, "notes", ())]


def _decoding_notes(yours: Readings) -> list[str]:
    counts = Counter(note for notes in yours.notes.values() for note in notes)
    return [f"{count} image(s) read with the note {note!r}." for note, count in counts.items()]


def _label_notes(models: Sequence[ClassifierLike], yours: Readings) -> list[str]:
    known = {name for model in models for name in model.classes}
    strange = sorted({r.label for r in yours.records if r.label and r.label not in known})
    if not strange:
        return []
    listed = ", ".join(map(repr, strange[:10])) + (" ..." if len(strange) > 10 else "")
    return [f"{len(strange)} label(s) are not among the classes and count as unknown: {listed}."]
