"""A bank as an encoder understands it: both forms of every text, encoded once and kept."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.data.banks import ConceptBank, Reason
from seewhy.data.files import shown
from seewhy.models.checkpoints import read_weights
from seewhy.models.identity import facts_digest, model_digest, tensors_digest
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.templates import check_templates, filled
from seewhy.passes.shards import Part
from seewhy.passes.store import Store

SHOWING = "a photo showing {}"
"""The published template of concepts."""

_logger = logging.getLogger(__name__)
_LAYER_KEYS = ("weight", "layer.weight")


@dataclass(frozen=True, eq=False)
class BankEmbeddings:
    """The texts of a bank at unit length, row by id: in the template, and raw without any.

    The rows in the template are what parts and classes are compared with, the raw ones what ranks
    texts by relevance to a whole image. `notes` tells of texts that the encoder cuts.
    """

    bank: ConceptBank
    template: str
    templated: TextEmbeddings
    raw: TextEmbeddings
    notes: tuple[str, ...] = ()


def suited_bank(
    encoder: OpenClipEncoder, bank: ConceptBank, *, template: str = SHOWING
) -> ConceptBank:
    """The bank without the texts that the encoder cannot read or tell apart; `dropped` lists them.

    Left out are texts with words that a small vocabulary lacks, texts that are longer than the
    context in the template, and those that become the same tokens as an earlier one. Banks of
    several encoders are comparable only where all have the same texts.
    """
    _check_template(encoder, template)
    unread = dict(_unread(encoder, bank.texts, template))
    readable = [number for number in range(len(bank)) if number not in unread]
    tokens = encoder.tokenizer([filled(template, bank.texts[number]) for number in readable])
    first: dict[tuple[int, ...], int] = {}
    for number, row in zip(readable, tokens.tolist(), strict=True):
        if first.setdefault(tuple(row), number) != number:
            unread[number] = "same tokens"
    return bank.without(unread)


def embed_bank(
    encoder: OpenClipEncoder,
    bank: ConceptBank,
    *,
    template: str = SHOWING,
    folder: Path | None = None,
) -> BankEmbeddings:
    """Both forms of every text, encoded in batches; with a `folder` only where it lacks them.

    There, one file holds a bank, under a digest of encoder, texts, template and tokens; what is
    damaged is made again. Raises `UsageError` for words that the encoder does not know and for
    texts that become the same tokens; `suited_bank` leaves such texts out.
    """
    _check_template(encoder, template)
    prompts = [filled(template, text) for text in bank.texts]
    _refuse_unsuited(encoder, bank, prompts)
    notes = encoder.cut_texts(prompts)
    for note in notes:
        _logger.warning(note)
    store = None if folder is None else Store(folder)
    key = _key(encoder, bank, template, prompts) if store else ""
    part = store.load(key) if store else None
    if part is None:
        part = _encoded(encoder, bank, prompts)
        if store:
            store.save(key, part)
    templated, raw = (torch.from_numpy(part.arrays[name].copy()) for name in ("templated", "raw"))
    return BankEmbeddings(bank, template, templated, raw, notes)


def published_rows(path: Path | str, *, texts: int) -> TextEmbeddings:
    """The rows of a linear layer in which the authors keep a bank or classes; no code is run.

    The file holds the layer's `weight`, alone or under `layer`, as in
    clip_zeroshot_concept_cls_no_class.pth; the texts stand in a JSON beside it. Raises `UsageError`
    when there are not as many rows as texts.
    """
    weights = read_weights(path)
    found = [weights[key] for key in _LAYER_KEYS if key in weights]
    if not found or found[0].ndim != 2:
        raise UsageError(
            f"{shown(path)} holds {', '.join(weights)[:80]}; wanted a matrix called weight or "
            "layer.weight."
        )
    if len(found[0]) != texts:
        raise UsageError(
            f"{shown(path)} has {len(found[0]):,} rows for {texts:,} texts; give the list of texts "
            "that it was made of."
        )
    return torch.nn.functional.normalize(found[0].float(), dim=1)


def _check_template(encoder: OpenClipEncoder, template: str) -> None:
    check_templates([template])
    try:
        encoder.refuse_unknown_words([filled(template, "")])
    except UsageError as error:
        raise UsageError(
            f"the template {template!r} does not suit the encoder: {error} A template of words "
            "that it knows does, such as '{}'."
        ) from error


def _unread(
    encoder: OpenClipEncoder, texts: Sequence[str], template: str
) -> Iterator[tuple[int, Reason]]:
    for number, text in enumerate(texts):
        if _is_refused(encoder, text):
            yield number, "unknown words"
        elif _is_too_long(encoder, filled(template, text)):
            yield number, "longer than the context"


def _is_refused(encoder: OpenClipEncoder, text: str) -> bool:
    try:
        encoder.refuse_unknown_words([text])
    except UsageError:
        return True
    return False


def _is_too_long(encoder: OpenClipEncoder, prompt: str) -> bool:
    """Whether the encoder would cut the prompt, or its own tokenizer refuses the length."""
    if encoder.cut_texts([prompt]):
        return True
    try:
        encoder.tokenizer([prompt])
    except UsageError:
        return True
    return False


def _refuse_unsuited(encoder: OpenClipEncoder, bank: ConceptBank, prompts: Sequence[str]) -> None:
    try:
        encoder.check_texts(bank.texts)
        encoder.check_texts(prompts)
    except UsageError as error:
        raise UsageError(
            f"{bank.origin} does not suit the encoder: {error} suited_bank(encoder, bank) leaves "
            "out what does not."
        ) from error


def _key(encoder: OpenClipEncoder, bank: ConceptBank, template: str, prompts: Sequence[str]) -> str:
    tokens: dict[str, Int[Tensor, "texts context"]] = {
        "templated": encoder.tokenizer(list(prompts)),
        "raw": encoder.tokenizer(list(bank.texts)),
    }
    return facts_digest(
        kind="concept-bank",
        encoder=model_digest(encoder),
        bank=bank.digest,
        template=template,
        tokens=tensors_digest(tokens),
    )


def _encoded(encoder: OpenClipEncoder, bank: ConceptBank, prompts: Sequence[str]) -> Part:
    return Part(
        {
            "templated": encoder.encode_prompts(prompts).numpy(),
            "raw": encoder.encode_prompts(bank.texts).numpy(),
        },
        {"origin": bank.origin, "bank": bank.digest, "texts": len(bank)},
    )
