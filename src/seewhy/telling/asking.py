"""A question that can be put to images: narrator, encoder and classifier, all checked."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.bank_sources import load_bank
from seewhy.mapping.asking import default_size
from seewhy.methods.text_maps.catalogue import suited_method
from seewhy.methods.text_maps.method import View
from seewhy.models.checkpoints import weights_hash
from seewhy.models.classifiers import Classifier
from seewhy.models.framing import Framing
from seewhy.models.identity import facts_digest, model_digest
from seewhy.models.load import checked_device, load_dual_encoder, load_model
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.storage import embedded_narrators, load_narrator
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.trained_folders import check_trained
from seewhy.passes.prompts import suited_prompts
from seewhy.telling.looking import Looker
from seewhy.telling.sentences import asked
from seewhy.telling.settings import USUAL_ENCODER, TellingSettings

_FREE = (
    "The narrator tells how an answer could be justified. What a network computed on the way to "
    "its answer may be something else."
)
_DRAWN = (
    "{name} knows drawn scenes alone, and so does an embedded encoder: about a photograph neither "
    "the answer nor its support means anything."
)
_REPHRASED = (
    "The reasons are the narrator's. The classifier gave the answer and has no words; where hiding "
    "a region does not change its answer, it did not need what the reason names there."
)


@dataclass(frozen=True, eq=False)
class TellingQuestion:
    """Who is asked what; `looker` is None without a support check. `notes` are sentences."""

    narrator: Narrator
    narrator_name: str
    settings: TellingSettings
    looker: Looker | None = None
    classifier: Classifier | None = None
    notes: tuple[str, ...] = ()

    @property
    def options(self) -> DecodingOptions:
        """How sentences are written."""
        beams = self.settings.beams
        return DecodingOptions(
            method="greedy" if beams == 1 else "beam", beams=beams, attention=True
        )

    def digest(self) -> str:
        """SHA-256 of all that decides what is told, except the images."""
        looker, classifier = self.looker, self.classifier
        return facts_digest(
            kind="telling",
            narrator=[weights_hash(self.narrator), self.narrator.config.model_dump(mode="json")],
            words=[self.narrator.tokenizer.size, self.narrator.tokenizer.special],
            settings=self.settings.recorded(),
            looker=None
            if looker is None
            else [
                model_digest(looker.encoder),
                asdict(looker.method),
                looker.prompts.templates,
                looker.bank,
            ],
            classifier=None
            if classifier is None
            else [model_digest(classifier), classifier.classes],
        )


def asked_telling(
    narrator: str | Path | Narrator,
    settings: TellingSettings,
    *,
    encoder: str | OpenClipEncoder = USUAL_ENCODER,
    classifier: str | Classifier | None = None,
    kept_texts: Path | None = None,
) -> TellingQuestion:
    """Everything checked before any image is read; `kept_texts` keeps embeddings between runs.

    Raises `UsageError` for a narrator that is not there, for questions that are none, come twice
    or hold words that it does not know, for a classifier of whose classes it knows none, and for
    what is no classifier or no dual encoder.
    """
    found = narrator if isinstance(narrator, Narrator) else _narrator(narrator, settings)
    name = "a narrator" if isinstance(narrator, Narrator) else str(narrator)
    _check_questions(found, settings.questions)
    looker, notes = _looker(encoder, settings, kept_texts) if settings.support else (None, ())
    chosen = _classifier(classifier, settings)
    if chosen is not None:
        _check_classes(found, chosen)
    return TellingQuestion(
        found,
        name,
        settings,
        looker,
        chosen,
        (
            _FREE if chosen is None else _REPHRASED,
            *((_DRAWN.format(name=name),) if name.startswith("embedded:") else ()),
            *notes,
            *(chosen.notes if chosen else ()),
        ),
    )


def unknown_words(narrator: Narrator, text: str) -> tuple[str, ...]:
    """The words that a narrator of few words does not know; none of one that reads any."""
    find = getattr(narrator.tokenizer, "unknown_words", None)
    return () if find is None else tuple(find(text))


def spoken_class(name: str) -> str:
    """A class as an answer: the first of several names, in lower case, with spaces."""
    return " ".join(name.partition(",")[0].replace("_", " ").lower().split())


def _narrator(source: str | Path, settings: TellingSettings) -> Narrator:
    check_trained(source, "narrator", shipped=embedded_narrators())
    return load_narrator(source).to(checked_device(settings.device))


def _check_questions(narrator: Narrator, questions: Sequence[str]) -> None:
    if not questions or len(set(questions)) < len(questions):
        raise UsageError(
            f"the questions {list(questions)} are none, or one comes twice. Ask each once."
        )
    layout = narrator.config.layout
    for question in questions:
        record = asked(question)
        if layout.question != "none" and not (record.question or "").strip():
            raise UsageError(f"the question {question!r} has no words. Ask something.")
        unknown = unknown_words(narrator, layout.question_text(record))
        if unknown:
            raise UsageError(
                f"the narrator does not know the word{'' if len(unknown) == 1 else 's'} "
                f"{', '.join(map(repr, unknown))} of the question {question!r}. Ask in the words "
                "that it was trained on, such as 'what colour is the circle', or take a narrator "
                "of more words."
            )


def _looker(
    encoder: str | OpenClipEncoder, settings: TellingSettings, kept_texts: Path | None
) -> tuple[Looker, tuple[str, ...]]:
    if not isinstance(encoder, OpenClipEncoder):
        encoder = load_dual_encoder(
            encoder,
            device=settings.device,
            allow_download=settings.allow_download,
            seed=settings.seed,
        )
    prompts, notes = suited_prompts(encoder, None, folder=kept_texts)
    view = View(Framing("whole", settings.size or default_size(encoder)), frame="grid")
    method = suited_method("clip-surgery", encoder, view=view)
    view.framing.preprocessing(encoder)
    method.tower(encoder)
    bank = load_bank(settings.bank).texts
    return Looker(encoder, method, prompts, bank), (*encoder.notes, *notes)


def _classifier(given: str | Classifier | None, settings: TellingSettings) -> Classifier | None:
    if given is None or isinstance(given, Classifier):
        return given
    found = load_model(
        given, device=settings.device, allow_download=settings.allow_download, seed=settings.seed
    )
    if not isinstance(found, Classifier):
        raise UsageError(
            f"{given} is a dual encoder and predicts no class. Name a classifier, such as "
            "classifier-dir:FOLDER or torchvision:resnet18."
        )
    return found


def _check_classes(narrator: Narrator, classifier: Classifier) -> None:
    answers = [f" {spoken_class(name)}" for name in classifier.classes]
    if all(unknown_words(narrator, answer) for answer in answers):
        raise UsageError(
            f"the narrator knows the words of no class of {classifier.name}, such as "
            f"{classifier.classes[0]!r}. Name the classes in its words, or take a narrator of "
            "more words."
        )
