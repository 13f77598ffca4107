"""`seewhy evaluate explain-predict`, and the three steps of the retrieval attack."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.cli.console import show, show_table
from seewhy.cli.options import (
    ASK,
    HOW,
    BatchOption,
    BootstrapOption,
    DeviceOption,
    DownloadOption,
    OutputOption,
    SeedOption,
)
from seewhy.cli.texts import figure_cell
from seewhy.evaluation.narration.parsing import Parsing

if TYPE_CHECKING:
    from seewhy.evaluation.narration.predict_document import PredictDocument
    from seewhy.evaluation.narration.retrieval_document import RetrievalDocument
    from seewhy.evaluation.tasks.document import Figure

_MEANING: Mapping[str, str] = {
    "truth": "an accepted answer is told by the generated reason",
    "ceiling": "by the true reason",
    "own answer": "the model's own answer is told by its reason",
    "no reason": "an accepted answer is told without any reason",
}

TrainingArgument = Annotated[
    Path, typer.Argument(help="Questions with true reasons and answers, by id (train_data).")
]
JudgedArgument = Annotated[
    Path, typer.Argument(help="The same with generated and true reasons (test_data).")
]
AnswersOption = Annotated[
    Path | None,
    typer.Option(
        help="Generated sentences, a JSON list of image_id and caption, for the model's own "
        "answers.",
        rich_help_panel=ASK,
    ),
]
ValidationOption = Annotated[
    Path | None,
    typer.Option(
        help="Items to choose the epoch by; if not given, a tenth of the training items.",
        rich_help_panel=ASK,
    ),
]
ClassesOption = Annotated[
    Path | None,
    typer.Option(
        help="The number of each answer (answer_dic); if not given, the 3000 most frequent.",
        rich_help_panel=ASK,
    ),
]
TextEncoderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="A text encoder of transformers to fine-tune, such as distilbert-base-uncased; "
        "if not given, a linear classifier of hashed words.",
        rich_help_panel=HOW,
    ),
]
ParsingOption = Annotated[
    Parsing, typer.Option(help="How answers are parted from reasons.", rich_help_panel=HOW)
]
EpochsOption = Annotated[
    int | None, typer.Option(min=1, help="If not given, as published.", rich_help_panel=HOW)
]
BatchSizeOption = Annotated[
    int | None, typer.Option(min=1, help="If not given, as published.", rich_help_panel=HOW)
]
LearningRateOption = Annotated[
    float | None, typer.Option(min=0, help="If not given, as published.", rich_help_panel=HOW)
]
ImagesOption = Annotated[Path, typer.Option(help="The folder of the images.", rich_help_panel=ASK)]
TaskOption = Annotated[
    Literal["vqaX", "actX", "esnlive", "vcr"],
    typer.Option(help="Which of its files it is.", rich_help_panel=ASK),
]
DirectionOption = Annotated[
    Literal["i2t", "t2i", "i2i"],
    typer.Option(
        help="Images to questions, questions to images, or images to images.",
        rich_help_panel=ASK,
    ),
]
DualEncoderOption = Annotated[
    str, typer.Option(metavar="NAME", help="The dual encoder.", rich_help_panel=HOW)
]
NearestOption = Annotated[int, typer.Option(min=2, help="How many for each.", rich_help_panel=HOW)]
SkipOwnOption = Annotated[
    bool,
    typer.Option("--skip-own", help="Pass over what a query came with.", rich_help_panel=HOW),
]
QuestionsArgument = Annotated[Path, typer.Argument(help="A file of NLX-GPT: questions by id.")]
NarratorOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FOLDER",
        help="A folder of `seewhy train narrator` or of a published checkpoint, or "
        "embedded:narrator-tiny, which knows drawn scenes alone.",
        rich_help_panel=ASK,
    ),
]
BeamsOption = Annotated[
    int,
    typer.Option(
        min=1, help="Sentences tried at a time; 1 takes word by word.", rich_help_panel=HOW
    ),
]
RetrievedArgument = Annotated[
    Path, typer.Argument(help="The nearest inputs of each query, as retrieval-inputs writes.")
]
ReasonsArgument = Annotated[
    Path, typer.Argument(help="A JSON list of query, input and explanation, one for each.")
]
SentencesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="A sentence encoder of transformers, such as all-mpnet-base-v2; if not given, "
        "hashed words.",
        rich_help_panel=HOW,
    ),
]
CutOption = Annotated[
    list[int] | None,
    typer.Option(
        min=2, help="Among how many reasons; if not given, 5, 10 and 15.", rich_help_panel=HOW
    ),
]


def explain_predict(  # noqa: PLR0913
    training: TrainingArgument,
    judged: JudgedArgument,
    *,
    output: OutputOption,
    answers: AnswersOption = None,
    validation: ValidationOption = None,
    classes: ClassesOption = None,
    encoder: TextEncoderOption = None,
    parsing: ParsingOption = "first",
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    bootstrap: BootstrapOption = 1000,
    device: DeviceOption = "cpu",
    seed: SeedOption = 0,
) -> None:
    """Measure which answer generated reasons tell a classifier that learned from true ones."""
    from seewhy.evaluation.narration.predict_document import (
        PredictFiles,
        PredictSettings,
        evaluate_explain_predict,
    )

    settings = PredictSettings(
        encoder=None if encoder is None else str(encoder),
        epochs=epochs,
        batch=batch_size,
        rate=learning_rate or None,
        parsing=parsing,
        device=device,
        resamples=bootstrap,
        seed=seed,
    )
    files = PredictFiles(training, judged, validation, classes, answers)
    found = evaluate_explain_predict(files, settings=settings)
    show_explain_predict(found.document, found.save(output))


def retrieval_inputs(  # noqa: PLR0913
    questions: QuestionsArgument,
    *,
    images: ImagesOption,
    output: OutputOption,
    task: TaskOption = "vqaX",
    direction: DirectionOption = "i2t",
    encoder: DualEncoderOption = "open_clip:ViT-B-16/openai",
    nearest: NearestOption = 15,
    skip_own: SkipOwnOption = False,
    device: DeviceOption = "cpu",
    allow_download: DownloadOption = False,
) -> None:
    """Find the nearest inputs of each image or question, for which reasons are to be generated."""
    from seewhy.evaluation.narration.retrieval_files import write_retrieved
    from seewhy.evaluation.narration.retrieval_run import RetrievalOptions, retrieve_file
    from seewhy.results.files import output_folder

    options = RetrievalOptions(
        encoder,
        direction=direction,
        count=nearest,
        own=not skip_own,
        device=device,
        allow_download=allow_download,
    )
    found = retrieve_file(questions, images, task=task, options=options)
    folder = output_folder(output)
    path = write_retrieved(folder, found, direction=direction, dataset=task)
    show(f"{len(found)} queries with {nearest} inputs each")
    show(f"written  {path}")


def retrieval_reasons(  # noqa: PLR0913
    retrieved: RetrievedArgument,
    questions: QuestionsArgument,
    *,
    images: ImagesOption,
    output: OutputOption,
    narrator: NarratorOption,
    task: TaskOption = "vqaX",
    direction: DirectionOption = "i2t",
    beams: BeamsOption = 1,
    batch_size: BatchOption = 32,
    device: DeviceOption = "cpu",
) -> None:
    """Let a narrator give its reason for each of the nearest inputs of each query."""
    from seewhy.evaluation.narration.retrieval_files import write_reasons
    from seewhy.evaluation.narration.retrieval_run import ReasonOptions, reasons_of_file
    from seewhy.results.files import output_folder, output_path

    options = ReasonOptions(
        narrator, direction=direction, beams=beams, batch_size=batch_size, device=device
    )
    nearest, found = reasons_of_file(retrieved, questions, images, task=task, options=options)
    path = write_reasons(output_path(output_folder(output), "reasons.json"), nearest, found)
    show(f"{sum(map(len, found.values()))} reasons for the inputs of {len(found)} queries")
    show(f"written  {path}")


def retrieval_attack(  # noqa: PLR0913
    retrieved: RetrievedArgument,
    reasons: ReasonsArgument,
    *,
    output: OutputOption,
    sentences: SentencesOption = None,
    cut: CutOption = None,
    bootstrap: BootstrapOption = 1000,
    device: DeviceOption = "cpu",
    seed: SeedOption = 0,
) -> None:
    """Measure how alike the reasons for similar inputs are; lower is more specific."""
    from seewhy.evaluation.narration.retrieval_document import (
        RetrievalSettings,
        evaluate_retrieval_attack,
    )

    chosen = {"cuts": tuple(cut)} if cut else {}
    settings = RetrievalSettings(
        sentences=None if sentences is None else str(sentences),
        device=device,
        resamples=bootstrap,
        seed=seed,
        **chosen,
    )
    found = evaluate_retrieval_attack(retrieved, reasons, settings=settings)
    show_retrieval_attack(found.document, found.save(output))


def show_explain_predict(document: "PredictDocument", path: Path) -> None:
    """Print a row per figure, counts and notes."""
    counts = document.items
    show(f"explain-predict, {document.task}, by {document.classifier}, per cent", style="bold")
    _show_figures(document.figures, _MEANING)
    show(
        f"items    {counts.training} to learn, {counts.validation} to choose the epoch, "
        f"{counts.judged} judged, of which {counts.answerable} can be told"
    )
    show(f"epoch    {document.chosen} of {len(document.epochs)} is kept")
    _show_rest(document.notes, path)


def show_retrieval_attack(document: "RetrievalDocument", path: Path) -> None:
    """Print a row per cut, what is distinct, and notes."""
    show(
        f"retrieval attack, {document.queries} queries, by {document.encoder}, times 100",
        style="bold",
    )
    _show_figures(document.figures, {})
    distinct = (f"{count:.1f} {what}" for what, count in document.distinct.items())
    show(f"distinct {', '.join(distinct)} of {max(document.settings.cuts)} on average")
    _show_rest(document.notes, path)


def _show_figures(found: "Mapping[str, Figure]", meaning: Mapping[str, str]) -> None:
    show_table(
        ((f"  {name}", figure_cell(each), meaning.get(name, "")) for name, each in found.items()),
        header=("  figure", "", ""),
    )


def _show_rest(notes: Sequence[str], path: Path) -> None:
    for note in notes:
        show(f"note     {note}")
    show(f"summary  {path}")
