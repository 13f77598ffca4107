"""A question that can be put to images: encoder, prompts, texts and methods, all checked."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.mapping.settings import AskSettings
from seewhy.methods.text_maps.catalogue import WITH_REMOVAL, suited_method, usual_removal
from seewhy.methods.text_maps.method import TextMapMethod, View
from seewhy.models.framing import Framing
from seewhy.models.identity import facts_digest, model_digest
from seewhy.models.load import load_dual_encoder
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.passes.prompts import PromptEnsemble, suited_prompts

MOST_TEXTS = 1000
"""How many maps an image may have for each method."""

PUBLISHED_SIZE = 512
_SMALLEST_PUBLISHED = 224
_NOTHING_TAKEN = "{}: nothing is taken off the maps, as the empty text says nothing to the encoder."


@dataclass(frozen=True)
class Question:
    """Texts that are mapped, texts that only take part, and by what; `notes` are sentences."""

    encoder: OpenClipEncoder
    prompts: PromptEnsemble
    methods: tuple[TextMapMethod, ...]
    texts: tuple[str, ...]
    others: tuple[str, ...] = ()
    size: int | None = None
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of all that decides the maps, except the images."""
        return facts_digest(
            kind="text-maps",
            encoder=model_digest(self.encoder),
            templates=self.prompts.templates,
            methods=[[method.name, asdict(method)] for method in self.methods],
            texts=self.texts,
            others=self.others,
        )


def asked_question(
    encoder: str | OpenClipEncoder,
    texts: Sequence[str],
    settings: AskSettings,
    *,
    others: Sequence[str] = (),
    methods: Sequence[str] = ("clip-surgery",),
    kept_texts: Path | None = None,
) -> Question:
    """Everything checked before any image is read; `kept_texts` keeps embeddings between runs.

    Raises `UsageError` for texts that are empty, equal, unknown or no Unicode, or too many; for
    unknown or repeated methods; and, when strict, for texts that the encoder would cut.
    """
    _check_texts((*texts, *others))
    if others and settings.removal not in ("common", "weighted-common"):
        given = "not given" if settings.removal is None else repr(settings.removal)
        raise UsageError(
            f"other texts change no map when the removal is {given}. Leave them out, or ask for "
            "the removal 'common' or 'weighted-common'."
        )
    if not methods or len(set(methods)) < len(methods):
        raise UsageError(f"methods {list(methods)} are none, or one comes twice; name each once.")
    found = encoder if isinstance(encoder, OpenClipEncoder) else _loaded(encoder, settings)
    prompts, notes = suited_prompts(found, settings.templates, folder=kept_texts)
    size = settings.size or default_size(found)
    view = View(
        Framing(settings.framing, size),
        frame="grid",
        scaling=settings.scaling,
        shifts=settings.shifts,
    )
    removal = settings.removal or usual_removal(found)
    made = tuple(suited_method(name, found, view=view, removal=removal) for name in methods)
    for method in made:
        method.ask(found, texts, others=others, prompts=prompts)
        view.framing.preprocessing(found)
    cut = prompts.cut_names((*texts, *others))
    if settings.strict and cut:
        raise UsageError(f"{cut[0]} Shorten the text, or ask without strictness.")
    spoken = [f"{method.name}: {note}" for method in made for note in method.notes]
    if settings.removal is None and removal == "nothing":
        spoken += [_NOTHING_TAKEN.format(name) for name in methods if name in WITH_REMOVAL]
    return Question(
        encoder=found,
        prompts=prompts,
        methods=made,
        texts=tuple(texts),
        others=tuple(others),
        size=size,
        notes=(*found.notes, *notes, *cut, *spoken),
    )


def default_size(encoder: OpenClipEncoder) -> int | None:
    """The multiple of the encoder's patches next to 512; its own size if it is a small one.

    None, which is the encoder's own size too, where its patches do not divide a square.
    """
    own = encoder.preprocessing
    if not isinstance(own, Preprocessing) or not isinstance(own.size, int):
        return None
    patch = _patch_side(encoder)
    if own.size < _SMALLEST_PUBLISHED or patch is None:
        return None
    return max(round(PUBLISHED_SIZE / patch), 1) * patch


def _patch_side(encoder: OpenClipEncoder) -> int | None:
    from seewhy.models.towers import image_tower

    high, wide = image_tower(encoder).patch
    return high if high == wide else None


def _check_texts(texts: Sequence[str]) -> None:
    if len(texts) > MOST_TEXTS:
        raise UsageError(
            f"{len(texts):,} texts; at most {MOST_TEXTS:,} are mapped at once. Split them."
        )
    for number, text in enumerate(texts):
        if isinstance(text, str) and not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise UsageError(
                    f"text {number} ({text!r}) is no Unicode text: its bytes were not UTF-8. Write "
                    "it in UTF-8."
                ) from error


def _loaded(name: str, settings: AskSettings) -> OpenClipEncoder:
    return load_dual_encoder(
        name, device=settings.device, allow_download=settings.allow_download, seed=settings.seed
    )
