"""A question that can be put to images: encoders, classes and a bank, all checked."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.concepts.classes import Classes
from seewhy.concepts.settings import ConceptSettings
from seewhy.data.bank_sources import load_bank
from seewhy.data.banks import ConceptBank
from seewhy.methods.mutual_knowledge.assignment import Assigning
from seewhy.methods.mutual_knowledge.knowledge import Asked
from seewhy.methods.mutual_knowledge.method import MutualKnowledge
from seewhy.methods.mutual_knowledge.seeing import Seeing
from seewhy.methods.mutual_knowledge.tokens import patch_tokens
from seewhy.models.framing import Framing
from seewhy.models.identity import facts_digest, model_digest
from seewhy.models.load import load_dual_encoder
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.templates import SLOT
from seewhy.passes.bank_embeddings import SHOWING, suited_bank
from seewhy.passes.prompts import PromptEnsemble, knows_published, suited_prompts
from seewhy.results.files import safe_slug

_DRAWN = "embedded:"


@dataclass(frozen=True)
class Reader:
    """An encoder and what it was asked; `name` is the one it goes by, and tells it from others."""

    name: str
    method: MutualKnowledge
    asked: Asked
    prompts: PromptEnsemble
    preprocessing: Preprocessing

    @property
    def encoder(self) -> OpenClipEncoder:
        """The encoder itself."""
        return self.asked.encoder

    @property
    def slug(self) -> str:
        """The name in names of files."""
        return safe_slug(self.name)


@dataclass(frozen=True)
class ConceptQuestion:
    """Encoders that are asked about the same classes with the same bank; `notes` are sentences."""

    readers: tuple[Reader, ...]
    classes: Classes
    bank: ConceptBank
    notes: tuple[str, ...]

    def digest(self) -> str:
        """SHA-256 of all that decides what is found, except the images."""
        return facts_digest(
            kind="concepts",
            readers=[
                [
                    reader.name,
                    model_digest(reader.encoder),
                    asdict(reader.method),
                    reader.prompts.templates,
                ]
                for reader in self.readers
            ],
            classes=self.classes.names,
            bank=self.bank.digest,
        )


def asked_concepts(
    encoders: Sequence[str | OpenClipEncoder],
    classes: Classes,
    settings: ConceptSettings,
    *,
    kept_texts: Path | None = None,
) -> ConceptQuestion:
    """Everything checked before any image is read; `kept_texts` keeps embeddings between runs.

    The bank holds what all encoders can read, so that they compare. Raises `UsageError` for
    encoders that are none or come twice, for names of classes that an encoder does not know, and
    for a size that its patches do not divide.
    """
    found = [
        each if isinstance(each, OpenClipEncoder) else _loaded(each, settings) for each in encoders
    ]
    names = [each.name for each in found]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"encoders {names} are none, or one comes twice; name each once.")
    bank = load_bank(settings.bank or _usual_bank(names), class_names=classes.names)
    templates = [_template(each) for each in found]
    for encoder, template in zip(found, templates, strict=True):
        bank = suited_bank(encoder, bank, template=template)
    base = MutualKnowledge(
        _seeing(settings, is_small=not all(map(knows_published, found))),
        expected=settings.expected or usual_expected(bank),
        framing=Framing(settings.framing, settings.size),
    )
    methods = [replace(base, template=template) for template in templates]
    notes: list[str] = []
    readers = []
    for encoder, method in zip(found, methods, strict=True):
        prompts, said = suited_prompts(encoder, settings.templates, folder=kept_texts)
        asked = method.ask(encoder, classes.names, bank, prompts=prompts, folder=kept_texts)
        notes += [*said, *asked.notes]
        if method.template == SLOT:
            notes.append(
                f"{encoder.name} does not know the words of {SHOWING!r}, so each text of the bank "
                "stands by itself."
            )
        shape = _preprocessing(encoder, method)
        readers.append(Reader(encoder.name, method, asked, prompts, shape))
    return ConceptQuestion(
        tuple(readers), classes, bank, tuple(dict.fromkeys((*classes.notes, *notes)))
    )


def _usual_bank(encoders: Sequence[str]) -> str:
    return "objects" if any(name.startswith(_DRAWN) for name in encoders) else "general"


def usual_expected(bank: ConceptBank) -> int:
    """How many texts a class is taken to have: one in twenty of the bank, 5 to 50.

    The published 50 of about 4,000 would be a fifth of a small bank, where lists meet by chance.
    """
    return min(max(len(bank) // 20, 5), 50)


def _seeing(settings: ConceptSettings, *, is_small: bool) -> Seeing:
    """How images are taken apart; `is_small` where an encoder knows few words."""
    usual = "objects" if is_small and settings.protocol == "mended" else "parts"
    if (settings.procedure or usual) == "objects":
        found = Seeing.objects(parts=settings.parts, seed=settings.seed)
        return replace(found, refinement=settings.refine, protocol=settings.protocol)
    return Seeing(
        refinement=settings.refine,
        part_method=settings.part_method,
        parts=settings.parts,
        assigning=Assigning(protocol=settings.protocol),
        protocol=settings.protocol,
        seed=settings.seed,
    )


def _template(encoder: OpenClipEncoder) -> str:
    """What the texts of the bank stand in: the published words, or nothing if they are unknown."""
    unknown_words = getattr(encoder.tokenizer, "unknown_words", None)
    return SHOWING if unknown_words is None or not unknown_words(SHOWING) else SLOT


def _preprocessing(encoder: OpenClipEncoder, method: MutualKnowledge) -> Preprocessing:
    """How an image becomes the input, tried on a black one: not every tower takes every size."""
    found = method.framing.preprocessing(encoder)
    if not isinstance(found, Preprocessing):
        raise UsageError(
            f"{encoder.name} has a preprocessing of its own, whose way back is unknown. Load the "
            "encoder by its name."
        )
    black = found(Image.new("RGB", (8, 8)))
    patch_tokens(encoder, black[None], facet=method.seeing.facet)
    return found


def _loaded(name: str, settings: ConceptSettings) -> OpenClipEncoder:
    return load_dual_encoder(
        name, device=settings.device, allow_download=settings.allow_download, seed=settings.seed
    )
