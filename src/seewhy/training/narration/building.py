"""The narrator that a training begins with: new, from a language model, or from a narrator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import torch

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import drawn_captions, drawn_narrations
from seewhy.data.narration.drawn.phrases import COUNTS, DIGIT, OBJECT, Phrase
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.data.narration.records import NarrationRecord
from seewhy.data.scenes import COLOURS, DIGITS, SHAPES, TEXTURES
from seewhy.models.narration.boxes import MOST_OBJECT_TOKENS
from seewhy.models.narration.config import EncoderTowerConfig, NarratorConfig, narrator_config
from seewhy.models.narration.encoder_towers import encoder_preprocessing
from seewhy.models.narration.gpt2 import Gpt2Tokenizer
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrator import Narrator, build_narrator
from seewhy.models.narration.pretrained import fill_from_gpt2, gpt2_sizes
from seewhy.models.narration.storage import load_narrator
from seewhy.models.narration.tokens import build_word_tokenizer
from seewhy.training.narration.presets import NarratorPreset

_READ_AT_FIRST = 120
"""Drawn records of each task whose words a narrator of drawn scenes gets to know."""


@dataclass(frozen=True)
class Beginning:
    """A narrator's folder, or that of a GPT-2, and the encoder if not the preset's."""

    start: Path | str | None = None
    decoder: Path | None = None
    encoder: str | None = None


def begin(
    preset: NarratorPreset,
    beginning: Beginning,
    *,
    texts: Sequence[str],
    prompts: Prompts | None,
    seed: int,
) -> Narrator:
    """A narrator of the preset's rows; `texts` are what a new tokenizer of words has to know.

    From a narrator come sizes, tower, tokenizer, preprocessing and weights, but the rows are the
    preset's. Raises `UsageError` where the preset needs weights and none are named.
    """
    if beginning.start is not None:
        return _further(preset, beginning.start, prompts=prompts, seed=seed)
    asked = {} if prompts is None else dict(prompts.templates)
    values = {**_values(preset, beginning), "prompts": asked}
    if beginning.decoder is None and preset.needs_weights:
        raise UsageError(
            f"the preset {preset.name} does not begin from nothing. Name the folder of a GPT-2 "
            "such as distilgpt2 (--decoder), or that of a narrator (--start)."
        )
    if beginning.decoder is None:
        tokenizer = build_word_tokenizer(
            texts, objects=MOST_OBJECT_TOKENS if preset.layout.has_objects else 0
        )
        narrator = build_narrator(narrator_config(**values), tokenizer, seed=seed)
        _spread(narrator, preset.decoder.initial)
        return narrator
    sizes = asdict(gpt2_sizes(beginning.decoder))
    pieces = Gpt2Tokenizer.from_folder(beginning.decoder)
    narrator = build_narrator(narrator_config(**{**values, **sizes}), pieces, seed=seed)
    fill_from_gpt2(narrator, beginning.decoder)
    return narrator


def record_texts(records: Sequence[NarrationRecord], layout: RowLayout) -> Iterator[str]:
    """The texts of these records, as rows have them."""
    for record in records:
        if record.task == "captions":
            yield from record.explanations
            continue
        yield layout.question_text(record)
        if record.votes:
            yield f"{layout.lead} {layout.answer_text(record)}"
        yield from (f" because {reason}" for reason in record.explanations)
        yield from (f" {name}" for name in (record.regions.objects if record.regions else ()))
    yield f"{layout.lead} because"


def drawn_texts(layout: RowLayout, prompts: Prompts, tasks: Sequence[str]) -> Iterator[str]:
    """All that may be said about drawn scenes: many examples, and every name of an object."""
    count = _READ_AT_FIRST
    asked = (
        unified(each.record, prompts) for each in drawn_narrations(count * len(tasks), tasks=tasks)
    )
    captions = (each.record for each in drawn_captions(count))
    nouns = [Phrase(noun) for noun in (*SHAPES, OBJECT, DIGIT)]
    names = [*COUNTS, *COLOURS, *TEXTURES, *DIGITS]
    names += [word for noun in nouns for word in (noun.one, noun.many)]
    return chain(
        record_texts([*asked, *captions], layout),
        (f" {name}" for name in names),
        (f" object{number}" for number in range(4)),
    )


def _values(preset: NarratorPreset, beginning: Beginning) -> Mapping[str, object]:
    tower, preprocessing = preset.tower, preset.preprocessing
    sizes = asdict(preset.decoder)
    sizes.pop("initial")
    if beginning.encoder is not None:
        tower = EncoderTowerConfig(name=beginning.encoder, width=None)
        preprocessing = encoder_preprocessing(beginning.encoder)
    return {
        **sizes,
        "tower": tower,
        "grid_code": preset.grid_code,
        "layout": preset.layout,
        "preprocessing": preprocessing,
    }


def _spread(narrator: Narrator, deviation: float) -> None:
    """Scale the decoder's matrices and tables, which were drawn with GPT-2's own deviation."""
    drawn = narrator.decoder.config.initializer_range
    with torch.no_grad():
        for weights in narrator.decoder.parameters():
            if weights.ndim > 1:
                weights.mul_(deviation / drawn)


def _further(
    preset: NarratorPreset, start: Path | str, *, prompts: Prompts | None, seed: int
) -> Narrator:
    found = load_narrator(start)
    values = {name: getattr(found.config, name) for name in type(found.config).model_fields}
    values |= {
        "layout": preset.layout,
        "dropout": preset.decoder.dropout,
        "cut": "mended",
        "published_noobject": False,
        "prompts": values["prompts"] if prompts is None else dict(prompts.templates),
    }
    config: NarratorConfig = narrator_config(**values)
    narrator = build_narrator(config, found.tokenizer, seed=seed, tower=found.tower)
    held, given = narrator.state_dict(), found.state_dict()
    # What one of them lacks is the layer of boxes, which rows without objects do not need.
    with torch.no_grad():
        for name in held.keys() & given.keys():
            held[name].copy_(given[name])
    return narrator
