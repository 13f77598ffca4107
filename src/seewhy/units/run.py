"""From names of a network, a bank and an encoder to tables and a page in a folder."""

from dataclasses import dataclass
from pathlib import Path

from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.data.bank_sources import load_bank
from seewhy.data.sources import ImageSource
from seewhy.methods.unit_naming.method import UnitNames, UnitNaming
from seewhy.models.load import load_model
from seewhy.models.openclip import OpenClipEncoder
from seewhy.passes.bank_embeddings import BankEmbeddings, embed_bank, suited_bank
from seewhy.passes.jobs import run_job
from seewhy.passes.keeping import kept_parts
from seewhy.passes.options import PassOptions
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, output_path, write_json
from seewhy.taps.forward import Network
from seewhy.units.page import write_page
from seewhy.units.settings import UnitSettings
from seewhy.units.tables import SCHEMA, write_tables

DOCUMENT = "units.json"
_TEMPLATE = "{}"


@dataclass(frozen=True, eq=False)
class Asked:
    """The network, the encoder and what the bank is to it."""

    network: Network
    encoder: OpenClipEncoder
    bank: BankEmbeddings


@dataclass(frozen=True, eq=False)
class UnitsResult:
    """A finished run."""

    names: UnitNames
    notes: tuple[str, ...]
    report: Path

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used."""
        failed, used = len(self.names.failures), len(self.names.ids)
        if failed > max_failures * (failed + used):
            first = self.names.failures[0]
            raise DataError(
                "too_many_failures",
                f"{failed} of {failed + used} images could not be used; the first: {first.id!r}, "
                f"{first.code}: {first.message} failures.parquet names each. Mend them, or allow "
                "more failures.",
            )


def load_asked(settings: UnitSettings) -> Asked:
    """Load what the settings name; raises `UsageError` where a name is none or does not fit."""
    network = _load(settings.model, settings)
    encoder = network if settings.encoder == settings.model else _load(settings.encoder, settings)
    if not isinstance(encoder, OpenClipEncoder):
        raise UsageError(
            f"{settings.encoder} is a classifier; wanted a dual encoder, which knows texts, such "
            "as embedded:clip-objects or open_clip:ViT-B-16/openai."
        )
    bank = suited_bank(encoder, load_bank(settings.bank), template=_TEMPLATE)
    return Asked(network, encoder, embed_bank(encoder, bank, template=_TEMPLATE))


def name_units(
    asked: Asked, source: ImageSource, output: Path, settings: UnitSettings, *, resume: bool = False
) -> UnitsResult:
    """Write `units.parquet`, `units.csv`, `units.json` and `report.html` into a folder.

    With `resume` the pass over the images goes on where an interrupted run with the same settings
    stopped.
    """
    output = output_folder(output)
    naming = UnitNaming(**settings.model_dump(include=set(UnitNaming.__dataclass_fields__)))
    job = naming.job(asked.network, settings.site, encoder=asked.encoder)
    job.batch_size = settings.batch_size
    records = naming.chosen(source.records)
    with kept_parts(output, settings.recorded(), resume=resume) as parts:
        part = run_job(job, records, _options(settings, parts))
        names = naming.names(job.responses(part), asked.bank, site=job.site)
        notes = (*_thinned(records, source), *asked.bank.bank.notes, *asked.bank.notes)
        notes = (*notes, *source.notes)
        write_tables(names, output)
        document = _document(asked, names, settings, notes)
        write_json(output_path(output, DOCUMENT), document)
        report = write_page(names, {each.id: each for each in records}, output, document=document)
    return UnitsResult(names, notes, report)


def _load(name: str, settings: UnitSettings) -> Network:
    return load_model(
        name,
        device=settings.device,
        allow_download=settings.allow_download,
        seed=settings.seed,
    )


def _options(settings: UnitSettings, parts: Path) -> PassOptions:
    return PassOptions(
        shard_images=settings.shard_images,
        workers=settings.workers,
        progress=settings.progress,
        store=Store(parts),
    )


def _thinned(records: object, source: ImageSource) -> tuple[str, ...]:
    if records is source.records:
        return ()
    return (f"of {len(source.records):,} images so many were looked at as the settings allow",)


def _document(
    asked: Asked, names: UnitNames, settings: UnitSettings, notes: tuple[str, ...]
) -> dict[str, object]:
    return {
        "schema_version": SCHEMA,
        "network": asked.network.name,
        "site": names.site.name,
        "encoder": asked.encoder.name,
        "bank": {"origin": asked.bank.bank.origin, "texts": len(names.texts)},
        "images": {"used": len(names.ids), "failed": len(names.failures)},
        "units": {
            "all": len(names.names),
            "named": sum(name is not None for name in names.names),
            "silent": int(names.silent.sum()),
        },
        "notes": list(notes),
        "settings": settings.recorded(),
        "versions": library_versions(),
    }
