"""Sentences of a narrator: written, continued behind a given answer, and scored again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.data.narration.cleaning import clean_question
from seewhy.data.narration.records import NarrationRecord
from seewhy.models.guard import inference
from seewhy.models.narration.batches import RowBatch, prompt_batch
from seewhy.models.narration.beams import beam_search
from seewhy.models.narration.boxes import NO_BOX
from seewhy.models.narration.cached import CachedDecoder
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.narrations import DecodingOptions, Draft, drafts
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.rows import Row, RowMaker
from seewhy.models.narration.tokens import (
    ANSWER,
    EXPLANATION,
    NO_OBJECT,
    SPACE,
    NarrationTokenizer,
)
from seewhy.models.narration.towers import ImageTokens

Looked = Float[Tensor, "tokens patches"]


@dataclass(frozen=True, eq=False)
class Sentence:
    """What a narrator wrote behind `prompt`, which ends with "the answer is".

    `ids` are those of the answer, "because" and the reason, whoever gave them; `reason_ids` those
    of the reason alone. `attention` says where the last block looked for each of the reason's, as
    the mean of its heads. `log_probability` is that of all that the narrator chose itself.
    """

    prompt: Row
    ids: tuple[int, ...]
    answer: str
    reason: str
    reason_ids: tuple[int, ...]
    log_probability: float
    attention: Looked | None = None


def asked(question: str) -> NarrationRecord:
    """The record of a question about an image without named objects."""
    return NarrationRecord(
        id=question,
        task="vqaX",
        images=(),
        question=clean_question(question),
        votes=(),
        explanations=(),
    )


def given_answer(rows: RowMaker, record: NarrationRecord, answer: str) -> Row:
    """A prompt that goes on with this answer and "because"; a long question loses its end."""
    row = rows.prompt(record)
    tokens = rows.tokenizer.tokens(f" {answer} because")
    start = len(row) - len(rows.tokenizer.tokens(rows.layout.lead)) - 1
    lost = min(max(len(row) + len(tokens) - rows.layout.longest, 0), start)
    row = _without(row, range(start - lost, start))
    added = len(tokens)
    segments = None if row.segments is None else (
        *row.segments, *(ANSWER,) * (added - 1), EXPLANATION)  # fmt: skip
    return replace(
        row,
        tokens=(*row.tokens, *tokens),
        is_target=(*row.is_target, *(False,) * added),
        segments=segments,
        boxes=None if row.boxes is None else (*row.boxes, *(NO_BOX,) * added),
        objects=None if row.objects is None else (*row.objects, *(row.elsewhere,) * added),
    )


def written(
    narrator: Narrator,
    image_tokens: ImageTokens,
    records: Sequence[NarrationRecord],
    options: DecodingOptions,
) -> list[Sentence]:
    """A sentence about each image, to the record of the same place."""
    prompts = [narrator.prompt(record) for record in records]
    found = narrate(narrator, image_tokens, prompts, options)
    because = _because(narrator.tokenizer)
    sentences = []
    for prompt, each in zip(prompts, found, strict=True):
        split = each.ids.index(because) + 1 if because in each.ids else len(each.ids)
        looked = None if each.attention is None else each.attention.mean(dim=1)[split:]
        sentences.append(
            Sentence(
                prompt,
                each.ids,
                each.answer,
                each.explanation,
                each.ids[split:],
                each.log_probability,
                looked,
            )
        )
    return sentences


def continued(
    narrator: Narrator,
    image_tokens: ImageTokens,
    asked_for: Sequence[tuple[NarrationRecord, str]],
    options: DecodingOptions,
) -> list[Sentence]:
    """Reasons for answers that are given: for each image a record and the answer to it.

    Only the reason is written: greedily, or the likeliest with beams.
    """
    prompts = [given_answer(narrator.rows, record, answer) for record, answer in asked_for]
    if options.method != "beam":
        # One beam without a penalty is the greedy way.
        options = replace(options, beams=1, length_penalty=0.0)
    found = drafts(narrator, image_tokens, prompts, options)
    with inference(narrator):
        for start in range(0, len(found), options.batch):
            ours = found[start : start + options.batch]
            for draft in ours:
                draft.explains = True
            decoder = CachedDecoder(
                narrator,
                prompt_batch(prompts[start : start + options.batch], narrator.tokenizer),
                image_tokens[start : start + options.batch],
                capacity=max(draft.limit for draft in ours),
                attention=options.attention,
            )
            beam_search(decoder, ours, options)
    return [
        _given(narrator, narrator.prompt(record), answer, draft)
        for (record, answer), draft in zip(asked_for, found, strict=True)
    ]


def _given(narrator: Narrator, prompt: Row, answer: str, draft: Draft) -> Sentence:
    tokenizer = narrator.tokenizer
    told = tokenizer.ids(tokenizer.tokens(f" {answer} because"))
    return Sentence(
        prompt,
        (*told, *draft.ids),
        answer,
        tokenizer.text(draft.ids),
        tuple(draft.ids),
        draft.log_probability,
        torch.stack(draft.maps).float().cpu().mean(dim=1) if draft.maps else None,
    )


def log_probabilities(narrator: Narrator, sentence: Sentence, pixels: Pixels) -> list[float]:
    """Of the whole sentence, its answer too, about each of some images."""
    if not sentence.ids:
        return [0.0] * len(pixels)
    row = _whole_row(narrator.tokenizer, sentence)
    start = row.ids.shape[1] - len(sentence.ids)
    device = narrator.device
    with inference(narrator):
        tokens = narrator.image_tokens(pixels.to(device))
        scores = narrator(_repeated(row, len(pixels)).to(device), tokens)[:, start - 1 : -1]
        chosen = scores.float().log_softmax(dim=-1)
        ids = torch.tensor(sentence.ids, device=device).expand(len(pixels), -1)[..., None]
        found: list[float] = chosen.gather(-1, ids)[..., 0].sum(dim=1).tolist()
    return found


def word_tokens(tokenizer: NarrationTokenizer, ids: Sequence[int]) -> list[tuple[int, ...]]:
    """For each word of the text of some ids the places of the tokens that end in it."""
    ends = [len(tokenizer.text(ids[:stop])) for stop in range(1, len(ids) + 1)]
    spans = [each.span() for each in re.finditer(r"\S+", tokenizer.text(ids))]
    return [
        tuple(place for place, end in enumerate(ends) if start < end <= stop)
        for start, stop in spans
    ]


def _whole_row(tokenizer: NarrationTokenizer, sentence: Sentence) -> RowBatch:
    """The prompt and what follows it, each with its segment, as a batch of one."""
    row = prompt_batch([sentence.prompt], tokenizer)
    count, because = len(sentence.ids), _because(tokenizer)
    split = sentence.ids.index(because) if because in sentence.ids else count
    answer, reason, nothing = tokenizer.ids((ANSWER, EXPLANATION, NO_OBJECT))
    ids = torch.cat([row.ids, torch.tensor([sentence.ids])], dim=1)
    segments = torch.tensor([[answer] * split + [reason] * (count - split)])
    return RowBatch(
        ids=ids,
        labels=ids,
        mask=torch.ones_like(ids, dtype=torch.bool),
        positions=torch.arange(ids.shape[1])[None],
        segments=None if row.segments is None else torch.cat([row.segments, segments], dim=1),
        boxes=(
            None if row.boxes is None else torch.cat([row.boxes, torch.zeros(1, count, 8)], dim=1)
        ),
        objects=(
            None
            if row.objects is None
            else torch.cat([row.objects, torch.full((1, count), nothing)], dim=1)
        ),
    )


def _repeated(row: RowBatch, count: int) -> RowBatch:
    repeated: dict[str, Any] = {
        name: None if each is None else each.expand(count, *each.shape[1:]).contiguous()
        for name, each in vars(row).items()
    }
    return RowBatch(**repeated)


def _without(row: Row, places: range) -> Row:
    kept = [place for place in range(len(row)) if place not in places]
    return replace(
        row,
        tokens=tuple(row.tokens[place] for place in kept),
        is_target=tuple(row.is_target[place] for place in kept),
        segments=None if row.segments is None else tuple(row.segments[place] for place in kept),
        boxes=None if row.boxes is None else tuple(row.boxes[place] for place in kept),
        objects=None if row.objects is None else tuple(row.objects[place] for place in kept),
    )


def _because(tokenizer: NarrationTokenizer) -> int:
    (because,) = tokenizer.ids((f"{SPACE}because",))
    return because
