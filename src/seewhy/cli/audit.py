"""`seewhy audit`: which concept group do a classifier's decisions rely on?"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from seewhy.audit.changes import read_audit, with_baseline
from seewhy.audit.settings import AuditSettings
from seewhy.base.errors import UsageError
from seewhy.cli.gate import TRIPPED, asked_gate
from seewhy.cli.options import (
    ASK,
    HOW,
    RUN,
    BatchOption,
    BootstrapOption,
    DeviceOption,
    DownloadOption,
    FailuresOption,
    OutputOption,
    ResumeOption,
    SeedOption,
    ShardOption,
    TruncatedOption,
    WorkersOption,
)
from seewhy.cli.summary import show_summary

DEFAULTS = AuditSettings()

_ACT = "What to do with the answer"

_REQUEST = ("data", "captions", "encoder", "probe", "classes", "label_column")
"""What makes an interrupted run another one, beside models and settings."""

DataOption = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="A folder of images, with a folder per class if they are labelled, a CSV or "
        "Parquet manifest, MNIST files, or hf: and a saved data set.",
        rich_help_panel=ASK,
    ),
]
CaptionsOption = Annotated[
    Path,
    typer.Option(help="A YAML file of concept groups and their captions.", rich_help_panel=ASK),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="The classifier, as `seewhy models` explains; more than once to compare.",
        rich_help_panel=ASK,
    ),
]
CompareOption = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="NAME NAME", help="Two classifiers on the same images.", rich_help_panel=ASK
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The dual encoder that understands captions.",
        rich_help_panel=ASK,
    ),
]
ClassesOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Names of the classes in the order of the logits: separated by commas, or a text "
        "file with one a line.",
        rich_help_panel=ASK,
    ),
]
LabelOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column of the manifest with the true class.",
        rich_help_panel=ASK,
    ),
]
ProbeOption = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="Images that know nothing of the task; drawn ones if not given.",
        rich_help_panel=ASK,
    ),
]
ProtocolOption = Annotated[
    Literal["default", "paper"],
    typer.Option(
        help="Readings that can be shown to be right, or the published one.", rich_help_panel=HOW
    ),
]
ControlsOption = Annotated[
    int, typer.Option(min=3, help="Untrained copies of each model.", rich_help_panel=HOW)
]
MemoryOption = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="What the graft may take at once, such as 4GB.",
        rich_help_panel=RUN,
    ),
]
ApproximateOption = Annotated[
    Literal["bf16"] | None,
    typer.Option(
        help="Match in bfloat16: faster, and a few units find another match.",
        rich_help_panel=RUN,
    ),
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option(help="This process, or all of a Ray cluster.", rich_help_panel=RUN),
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Where the Ray cluster is.", rich_help_panel=RUN),
]
FailOnOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="End with exit code 4 if this holds for a model: 'GROUP>0.3' of the decision, "
        "'accuracy<0.9', 'loss(GROUP)>0.1' in the field, 'dominant=GROUP', 'relied=GROUP' or "
        "'undecided'. May be given more than once.",
        rich_help_panel=_ACT,
    ),
]
JunitOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Where the conditions are reported as JUnit XML; junit.xml in the output if not "
        "given.",
        rich_help_panel=_ACT,
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        metavar="AUDIT.JSON",
        help="An earlier audit, or its folder, to say what changed since.",
        rich_help_panel=_ACT,
    ),
]


def audit(  # noqa: PLR0913, PLR0917
    data: DataOption,
    captions: CaptionsOption,
    output: OutputOption,
    model: ModelOption = None,
    compare: CompareOption = None,
    encoder: EncoderOption = "embedded:clip-resnet",
    classes: ClassesOption = None,
    label_column: LabelOption = None,
    probe: ProbeOption = None,
    protocol: ProtocolOption = DEFAULTS.protocol,
    seed: SeedOption = DEFAULTS.seed,
    batch_size: BatchOption = DEFAULTS.batch_size,
    device: DeviceOption = "auto",
    bootstrap: BootstrapOption = DEFAULTS.bootstrap,
    controls: ControlsOption = DEFAULTS.controls,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = DEFAULTS.tolerate_truncated,
    allow_download: DownloadOption = DEFAULTS.allow_download,
    memory: MemoryOption = "4GB",
    approximate: ApproximateOption = DEFAULTS.approximate,
    shard_images: ShardOption = DEFAULTS.shard_images,
    resume: ResumeOption = False,
    workers: WorkersOption = DEFAULTS.workers,
    engine: EngineOption = DEFAULTS.engine,
    address: AddressOption = DEFAULTS.address,
    fail_on: FailOnOption = None,
    junit: JunitOption = None,
    baseline: BaselineOption = None,
) -> None:
    """Say which concept the decisions of a classifier rely on.

    Writes report.html and everything behind it, and prints the verdict.
    """
    given = dict(locals())
    settings = asked_settings(given)
    names = chosen_models(model, compare)
    gate = asked_gate(fail_on, captions, junit=junit, output=output)
    earlier = None if baseline is None else read_audit(baseline)
    from seewhy.audit.run import audit as run_audit
    from seewhy.passes.keeping import kept_parts

    with kept_parts(output, asked_request(given, names), resume=resume) as parts:
        settings = settings.model_copy(update={"parts": parts})
        result = run_audit(
            with_classes(names, classes, settings) if classes else names,
            with_labels(data, label_column, settings) if label_column else data,
            captions,
            encoder=encoder,
            probe=probe,
            settings=settings,
        )
        if earlier is not None:
            result = replace(result, document=with_baseline(result.document, earlier))
        report = result.save(output)
    show_summary(result.document, report)
    passes = gate.passes(result.document)
    result.check(max_failures=max_failures)
    if not passes:
        raise typer.Exit(TRIPPED)


def asked_settings(given: Mapping[str, Any]) -> AuditSettings:
    """The settings among the options; the others are left out."""
    values = {name: given[name] for name in AuditSettings.model_fields if name in given}
    memory = memory_size(given["memory"])
    return AuditSettings(**{**values, "memory": memory, "progress": sys.stderr.isatty()})


def asked_request(given: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """What an interrupted run has to share with the one that goes on."""
    request = asked_settings(given).recorded()
    # It decides how many images are held at once, and parts know that by themselves.
    del request["memory"]
    return request | {name: _as_json(given[name]) for name in _REQUEST} | {"models": names}


def _as_json(value: object) -> str | None:
    return None if value is None else str(value)


def memory_size(text: str) -> ByteSize:
    """The bytes that a text such as "4GB" or "512MiB" means."""
    try:
        return TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        raise UsageError(f"--memory {text!r} is no size; wanted is one such as 4GB.") from None


def chosen_models(model: list[str] | None, compare: tuple[str, str] | None) -> list[str]:
    """The models asked for in either way; raises `UsageError` for none, or for both ways."""
    if bool(model) == bool(compare):
        raise UsageError("name the classifiers with --model NAME, or with --compare NAME NAME.")
    return list(model or compare or ())


def with_classes(names: list[str], classes: str, settings: AuditSettings) -> list[Any]:
    """The models of these names, with their classes named."""
    from seewhy.models.load import load_model

    return [
        load_model(
            name,
            classes=class_names(classes),
            device=settings.device,
            allow_download=settings.allow_download,
        )
        for name in names
    ]


def with_labels(data: str, label_column: str, settings: AuditSettings) -> Any:
    """The images of a manifest, with their classes from the column of that name."""
    from seewhy.data.images import ReadPolicy
    from seewhy.data.sources import open_source

    policy = ReadPolicy(tolerate_truncated=settings.tolerate_truncated)
    return open_source(data, label_column=label_column, policy=policy)


def class_names(text: str) -> tuple[str, ...]:
    """Names separated by commas, or the lines of a text file; none may be empty or double."""
    path = Path(text)
    is_file = path.suffix == ".txt" and path.is_file()
    parts = path.read_text(encoding="utf-8-sig").splitlines() if is_file else text.split(",")
    names = tuple(part.strip() for part in parts)
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"--classes gives {len(names)} names, some empty or double; expected names such as "
            "`five,eight`, in the order of the logits."
        )
    return names
