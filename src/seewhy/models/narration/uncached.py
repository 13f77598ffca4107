"""The published way to write: one sentence at a time, everything computed again for each token.

It is the reference for the faster one, which must write the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from seewhy.base.errors import UsageError
from seewhy.models.guard import inference
from seewhy.models.narration.batches import RowBatch, prompt_batch
from seewhy.models.narration.choosing import allowed, choose, draws_for
from seewhy.models.narration.narrations import DecodingOptions, Draft, Narration, drafts
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.rows import Row
from seewhy.models.narration.tokens import ANSWER, EXPLANATION, NO_OBJECT, NarrationTokenizer
from seewhy.models.narration.towers import ImageTokens

_DEFAULT = DecodingOptions()


def narrate_uncached(
    narrator: Narrator,
    image_tokens: ImageTokens,
    prompts: Sequence[Row],
    options: DecodingOptions = _DEFAULT,
    *,
    generator: Generator | None = None,
) -> tuple[Narration, ...]:
    """What `narrate` writes, but for beams and attention, which it refuses."""
    if options.method == "beam" or options.attention:
        raise UsageError("the uncached loop knows neither beams nor attention; take `narrate`.")
    written = drafts(narrator, image_tokens, prompts, options)
    draws = draws_for(written, options, generator)
    with inference(narrator):
        for place, (prompt, draft) in enumerate(zip(prompts, written, strict=True)):
            rows = prompt_batch([prompt], narrator.tokenizer).to(image_tokens.device)
            while not draft.is_done:
                scores = narrator(rows, image_tokens[place : place + 1])[:, -1]
                hits = None if draws is None else draws[place, len(draft.ids), None]
                choice = choose(allowed(scores, draft.marks), options, hits)
                draft.take(int(choice.ids), float(choice.log_probabilities))
                if draft.ending is None:
                    rows = _longer(rows, draft, narrator.tokenizer)
    return tuple(draft.narration(narrator.tokenizer) for draft in written)


def _longer(rows: RowBatch, draft: Draft, tokenizer: NarrationTokenizer) -> RowBatch:
    """The row with the draft's last token behind it."""
    segment, elsewhere = tokenizer.ids((EXPLANATION if draft.explains else ANSWER, NO_OBJECT))

    def grown(values: Tensor | None, last: Any) -> Tensor | None:
        if values is None:
            return None
        return torch.cat([values, torch.full_like(values[:, :1], last)], dim=1)

    more = {"ids": draft.ids[-1], "labels": draft.ids[-1], "mask": True, "boxes": 0}
    more |= {"segments": segment, "objects": elsewhere, "positions": rows.ids.shape[1]}
    changes: dict[str, Any] = {
        name: grown(getattr(rows, name), last) for name, last in more.items()
    }
    return replace(rows, **changes)
