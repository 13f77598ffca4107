"""Answers and reasons, many at a time: each token of a batch in one pass."""

from collections.abc import Iterator, Sequence

from torch import Generator

from seewhy.models.guard import inference
from seewhy.models.narration.batches import prompt_batch
from seewhy.models.narration.beams import beam_search
from seewhy.models.narration.cached import CachedDecoder
from seewhy.models.narration.choosing import Draws, allowed, choose, draws_for
from seewhy.models.narration.narrations import DecodingOptions, Draft, Narration, drafts
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.rows import Row
from seewhy.models.narration.towers import ImageTokens

_DEFAULT = DecodingOptions()
_HELD = 0.75
"""Finished sentences leave the batch once less than this share of it is still written."""


def narrate(
    narrator: Narrator,
    image_tokens: ImageTokens,
    prompts: Sequence[Row],
    options: DecodingOptions = _DEFAULT,
    *,
    generator: Generator | None = None,
) -> tuple[Narration, ...]:
    """A sentence for each prompt, which looks at the image tokens of the same place.

    The narrator is used in evaluation mode and left as it is found. What "nucleus" draws depends
    on the generator and a prompt's place alone, not on `options.batch`.
    """
    written = drafts(narrator, image_tokens, prompts, options)
    draws = draws_for(written, options, generator)
    with inference(narrator):
        for places in _batches(prompts, options.batch):
            ours = [written[place] for place in places]
            decoder = CachedDecoder(
                narrator,
                prompt_batch([prompts[place] for place in places], narrator.tokenizer),
                image_tokens[places],
                capacity=max(draft.limit for draft in ours),
                attention=options.attention,
            )
            if options.method == "beam":
                beam_search(decoder, ours, options)
            else:
                _write(decoder, ours, options, draws=None if draws is None else draws[places])
    return tuple(draft.narration(narrator.tokenizer) for draft in written)


def _batches(prompts: Sequence[Row], size: int) -> Iterator[list[int]]:
    """Places of rows of about the same length: padding costs as much as words do."""
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    return (order[start : start + size] for start in range(0, len(order), size))


def _write(
    decoder: CachedDecoder,
    written: list[Draft],
    options: DecodingOptions,
    *,
    draws: Draws | None,
) -> None:
    """Finish the drafts, one token each at a time."""
    held = list(range(len(written)))
    for step in range(max(draft.limit for draft in written)):
        hits = None if draws is None else draws[held, step]
        choice = choose(allowed(decoder.scores(), written[0].marks), options, hits)
        chosen, log_probabilities = choice.ids.tolist(), choice.log_probabilities.tolist()
        for row, place in enumerate(held):
            if not written[place].is_done:
                looked = decoder.looked_of(row)
                written[place].take(chosen[row], log_probabilities[row], looked=looked)
        left = [row for row, place in enumerate(held) if not written[place].is_done]
        if not left:
            return
        if len(left) < _HELD * len(held):
            decoder.keep(left)
            decoder.keep_images(left)
            held, chosen = [held[row] for row in left], [chosen[row] for row in left]
        decoder.step(chosen, explains=[written[place].explains for place in held])
