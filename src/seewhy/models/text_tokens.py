"""Every token of a text in the joint space of images and texts, not its end alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.models.guard import device_of, inference
from seewhy.models.openclip import OpenClipEncoder, checked_texts
from seewhy.models.wrappers import unwrapped

START, END = "[start]", "[end]"

_TEXTS_AT_ONCE = 64
_CLOSE, _CLOSE_IN_HALF = 1e-4, 2e-2

Ids = Int[Tensor, "texts context"]


@dataclass(frozen=True)
class Positions:
    """What a text tower says at every position, as it comes; at `ends` it is the text's own."""

    embeddings: Float[Tensor, "texts context embed"]
    ends: Int[Tensor, " texts"]


@dataclass(frozen=True)
class TextTokens:
    """A text from its start token to its end token, with embeddings of unit length on the CPU.

    A token is a word or a piece of one: token j belongs to word `word_of[j]` of `words`. With a
    causal text tower a token knows what comes before it and nothing of what follows.
    """

    pieces: tuple[str, ...]
    words: tuple[str, ...]
    word_of: tuple[int, ...]
    embeddings: Float[Tensor, "tokens embed"]


def text_tokens(encoder: OpenClipEncoder, texts: Sequence[str]) -> list[TextTokens]:
    """The tokens of each text; padding is left out, and what is cut is: see `cut_texts`.

    Raises `UsageError` for texts that are empty or hold unknown words or an end of their own, for
    tokenizers that cannot spell their ids, and for text towers of which positions cannot be read.
    """
    texts = checked_texts(texts)
    encoder.refuse_unknown_words(texts)
    decode = getattr(encoder.tokenizer, "decode", None)
    if decode is None:
        raise _refusal(encoder, "has a tokenizer that cannot spell its ids")
    ids = encoder.tokenizer(texts)
    found = position_embeddings(encoder, ids)
    for index, (row, end) in enumerate(zip(ids.tolist(), found.ends.tolist(), strict=True)):
        _check_span(encoder, row, end, name=f"text {index} ({texts[index][:60]!r})")
    return [
        _read(decode, row[1:end], functional.normalize(embeddings[: end + 1], dim=-1))
        for row, end, embeddings in zip(
            ids.tolist(), found.ends.tolist(), found.embeddings, strict=True
        )
    ]


def position_embeddings(encoder: OpenClipEncoder, ids: Ids) -> Positions:
    """The final norm and the projection at every position of one pass of the text tower, float32.

    Raises `UsageError` where no position gives the embedding of the text.
    """
    tower = _text_tower(encoder)
    with inference(encoder.module):
        parts = [
            _positions(encoder, tower, chunk.to(device_of(encoder.module)))
            for chunk in torch.split(ids, _TEXTS_AT_ONCE)
        ]
        embeddings, ends = (torch.cat(each) for each in zip(*parts, strict=True))
    return Positions(embeddings.clone(), ends.clone())


def _positions(encoder: OpenClipEncoder, tower: Any, ids: Ids) -> tuple[Tensor, Tensor]:
    with _outputs(tower.ln_final) as outputs:
        own = encoder.module.encode_text(ids)
    if len(outputs) != 1 or outputs[0].shape[:2] != ids.shape:
        raise _refusal(encoder, "does not pass each token through its final norm, once")
    rows, own = _projected(tower.text_projection, outputs[0]), own.cpu()
    if not (rows.isfinite().all() and own.isfinite().all()):
        raise UsageError(
            f"{encoder.name} gives numbers that are not finite for a text. Check its weights, or "
            "use float32."
        )
    close = _CLOSE if own.dtype in (torch.float32, torch.float64) else _CLOSE_IN_HALF
    rows, own = rows.float(), own.float()[:, None]
    distances = (rows - own).norm(dim=-1)
    if (distances.amin(dim=1) > close * own.norm(dim=-1)[:, 0]).any():
        raise _refusal(encoder, "reads the embedding off no single token")
    return rows, distances.argmin(dim=1)


def _projected(projection: Any, tokens: Tensor) -> Tensor:
    if projection is None:
        return tokens.cpu()
    applied = projection(tokens) if isinstance(projection, nn.Module) else tokens @ projection
    found: Tensor = applied
    return found.cpu()


@contextmanager
def _outputs(module: nn.Module) -> Iterator[list[Tensor]]:
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        outputs.append(output)

    handle = module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


def _text_tower(encoder: OpenClipEncoder) -> Any:
    for tower in (encoder.module, unwrapped(getattr(encoder.module, "text", None))):
        if hasattr(tower, "ln_final") and hasattr(tower, "text_projection"):
            return tower
    kind = type(getattr(encoder.module, "text", encoder.module)).__name__
    raise _refusal(encoder, f"is a {kind}")


def _check_span(encoder: OpenClipEncoder, ids: list[int], end: int, *, name: str) -> None:
    """What comes before the end is the text behind a start token, what comes after is padding."""
    first, last, *padding = encoder.tokenizer([""])[0].tolist()
    if ids[0] != first or ids[end] != last or first == last or len(set(padding)) != 1:
        raise _refusal(encoder, "does not put each text between a start token and an end token")
    if set(ids[end + 1 :]) - set(padding):
        raise UsageError(
            f"{name} holds an end token of its own, and {encoder.name} reads no further. Remove it."
        )


def _read(decode: Any, ids: list[int], embeddings: Float[Tensor, "tokens embed"]) -> TextTokens:
    pieces = [str(decode([number])) for number in ids]
    groups: list[list[int]] = []
    is_new = True
    for number, piece in zip(ids, pieces, strict=True):
        if is_new:
            groups.append([])
        groups[-1].append(number)
        is_new = piece[-1:].isspace()
    word_of = (place for place, group in enumerate(groups, 1) for _ in group)
    return TextTokens(
        pieces=(START, *(piece.strip() for piece in pieces), END),
        words=(START, *(str(decode(group)).strip() for group in groups), END),
        word_of=(0, *word_of, len(groups) + 1),
        embeddings=embeddings,
    )


def _refusal(encoder: OpenClipEncoder, finding: str) -> UsageError:
    return UsageError(
        f"the text tower of {encoder.name} {finding}, so its tokens cannot be told apart. Use an "
        "encoder with CLIP's own text tower, such as open_clip:ViT-B-16/openai."
    )
