"""The stored small decoder, and narrators that are built in a moment."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from seewhy.models.narration.batches import training_batch
from seewhy.models.narration.config import narrator_config
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrator import build_narrator
from seewhy.models.narration.rows import Row
from seewhy.models.narration.tokens import (
    ANSWER,
    END,
    EXPLANATION,
    PAD,
    QUESTION,
    build_word_tokenizer,
)
from seewhy.models.preprocessing import Preprocessing

GOLDEN = Path(__file__).parents[2] / "golden/nle"
GREEDY = json.loads((GOLDEN / "greedy.json").read_text("utf-8"))
SQUASHED = Preprocessing(64, resize="squash")


@cache
def stored():
    with np.load(GOLDEN / "model.npz") as arrays:
        return {
            name: torch.from_numpy(array) if array.dtype.kind in "fi" else array
            for name, array in arrays.items()
        }


def stored_part(prefix):
    found = {name.removeprefix(prefix): each for name, each in stored().items()}
    return {name: each for name, each in found.items() if f"{prefix}{name}" in stored()}


class ToyTokenizer:
    """Ids of the stored decoder; the token of an id without a name is "t" and the id."""

    special = (PAD, QUESTION, ANSWER, EXPLANATION)
    size = 40

    def __init__(self, **more):
        ids = GREEDY["token_ids"]
        names = {END: "eos", PAD: "pad", QUESTION: "question", ANSWER: "answer"}
        names |= {EXPLANATION: "explanation", "Ġbecause": "because"}
        self.numbers = {token: ids[name] for token, name in names.items()} | more

    def tokens(self, text):
        return [f"Ġ{word}" for word in text.split()]

    def ids(self, tokens):
        missing = self.numbers[END]
        return [
            int(token[1:]) if token[:1] == "t" else self.numbers.get(token, missing)
            for token in tokens
        ]

    def text(self, ids):
        names = {number: token for token, number in self.numbers.items()}
        tokens = [names.get(number, f"t{number}") for number in ids]
        return " ".join(token.removeprefix("Ġ") for token in tokens if token[0] != "<")


def stored_narrator(*, prefix="w.", layout=None, tokenizer=None):
    width, blocks, heads, _, positions = stored()["config"].tolist()
    config = narrator_config(
        width=width,
        blocks=blocks,
        heads=heads,
        positions=positions,
        tower={"kind": "features", "width": width},
        layout=layout or RowLayout(20, generated=GREEDY["max_new_tokens"]),
        preprocessing=SQUASHED,
    )
    narrator = build_narrator(config, tokenizer or ToyTokenizer()).eval()
    weights = stored_part(prefix)
    boxes = {name: weights.pop(name) for name in list(weights) if "box_embed" in name}
    weights["lm_head.weight"] = weights["transformer.wte.weight"]
    narrator.decoder.load_state_dict(weights)
    if boxes:
        narrator.box_embedding.load_state_dict(
            {name.rpartition(".")[2]: each for name, each in boxes.items()}
        )
    return narrator


def greedy_rows():
    names = {GREEDY["token_ids"]["question"]: QUESTION, GREEDY["token_ids"]["answer"]: ANSWER}
    return [
        Row(
            str(place),
            tuple(f"t{number}" for number in case["prompt"]),
            (False,) * len(case["prompt"]),
            tuple(names[number] for number in case["segments"]),
        )
        for place, case in enumerate(GREEDY["cases"])
    ]


WORDS = build_word_tokenizer(
    [
        "what colour is the cat is it a dog",
        " the answer is red blue yes no a cat dog because there is one it has fur and purrs",
    ],
    objects=3,
)


def small_narrator(*, seed=0, tokenizer=WORDS, spread=8.0, **changes):
    """Weights are spread, as narrators that know nothing write the same word for ever."""
    settings = {
        "width": 16,
        "blocks": 2,
        "heads": 2,
        "positions": 40,
        "tower": {"kind": "convolutions", "channels": (6, 8)},
        "grid_code": "sine",
        "layout": RowLayout(30, question="as stored"),
        "preprocessing": Preprocessing(16, resize="squash"),
    }
    narrator = build_narrator(narrator_config(**settings | changes), tokenizer, seed=seed)
    with torch.no_grad():
        for parameter in narrator.decoder.parameters():
            if parameter.ndim == 2:
                parameter.mul_(spread)
    return narrator.eval()


def asked(id_, question, *, lead="the answer is", tokenizer=WORDS):
    """The prompt of a question, in words."""
    tokens = [*tokenizer.tokens(question), END, *tokenizer.tokens(f" {lead}")]
    start = tokens.index(END)
    segments = (QUESTION,) * start + (ANSWER,) * (len(tokens) - start)
    return Row(id_, tuple(tokens), (False,) * len(tokens), segments)


def continued(prompt, narration):
    """The whole row of a prompt and what was written, as a batch of one."""
    return training_batch([continued_row(prompt, narration.ids, tokenizer=WORDS)], WORDS)


def continued_row(prompt, written, *, tokenizer):
    """The same row, as training has it."""
    ids = list(written)
    because = tokenizer.ids(["Ġbecause"])[0]
    split = ids.index(because) if because in ids else len(ids)
    return replace(
        prompt,
        tokens=prompt.tokens + tuple(tokenizer.words[number] for number in ids),
        is_target=prompt.is_target + (True,) * len(ids),
        segments=prompt.segments + (ANSWER,) * split + (EXPLANATION,) * (len(ids) - split),
    )


def same(found, wanted):
    assert [each.ids for each in found] == [each.ids for each in wanted]
    for mine, other in zip(found, wanted, strict=True):
        assert mine.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
        assert (mine.ending is None) == (other.ending is None)
        assert (mine.text, mine.answer, mine.explanation) == (
            other.text,
            other.answer,
            other.explanation,
        )
