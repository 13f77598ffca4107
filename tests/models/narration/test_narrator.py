from dataclasses import replace

import pytest
import torch
from tests.models.narration.toys import (
    WORDS,
    ToyTokenizer,
    asked,
    greedy_rows,
    small_narrator,
    stored,
    stored_narrator,
)
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.data.narration.records import NarrationRecord, Vote
from seewhy.models.narration.batches import RowBatch, prompt_batch, training_batch
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.tokens import NO_OBJECT, OBJECTS
from seewhy.models.narration.towers import sine_grid
from seewhy.models.narration.uncached import narrate_uncached

BOXES = RowLayout(20, question="as stored", has_objects=True, generated=6)


class BoxTokenizer(ToyTokenizer):
    special = (*ToyTokenizer.special, OBJECTS, NO_OBJECT)

    def __init__(self):
        super().__init__(**{OBJECTS: 6, NO_OBJECT: 7})


def stored_rows(**more):
    ids = stored()["input_ids"]
    places = torch.arange(ids.shape[1]).expand_as(ids)
    mask = torch.ones_like(ids, dtype=torch.bool)
    batch = RowBatch(ids, stored()["labels"], mask, places, stored()["segment_ids"], None, None)
    return replace(batch, **more)


def shifted_loss(logits, labels):
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


@torch.no_grad()
def test_states_are_those_behind_each_block_and_nothing_stays_on_the_decoder():
    narrator, features = stored_narrator(), stored()["image_features"]
    rows = stored_rows()
    states = narrator.states(rows, features)
    blocks = narrator.decoder.transformer.h
    assert len(states) == len(blocks)
    assert torch.equal(states[-1], narrator.hidden(rows, features))
    assert not torch.equal(states[0], states[-1])
    assert not any(block._forward_hooks for block in blocks)


@torch.no_grad()
def test_logits_and_loss_of_the_stored_decoder_are_as_published():
    narrator, features = stored_narrator(), stored()["image_features"]
    logits = narrator(stored_rows(), features)
    torch.testing.assert_close(logits, stored()["logits"], atol=1e-4, rtol=0)
    assert shifted_loss(logits, stored()["labels"]) == pytest.approx(
        float(stored()["loss"]), abs=1e-4
    )
    without = narrator(stored_rows(segments=None), features)
    torch.testing.assert_close(without, stored()["logits_without_segments"], atol=1e-4, rtol=0)


@torch.no_grad()
def test_boxes_and_objects_of_the_stored_decoder_are_as_published():
    narrator = stored_narrator(prefix="vcr.", layout=BOXES, tokenizer=BoxTokenizer())
    rows = stored_rows(boxes=stored()["boxes"], objects=stored()["box_ids"])
    logits = narrator(rows, stored()["image_features"])
    torch.testing.assert_close(logits, stored()["vcr_logits"], atol=1e-4, rtol=0)
    assert shifted_loss(logits, stored()["labels"]) == pytest.approx(
        float(stored()["vcr_loss"]), abs=1e-4
    )
    assert not torch.allclose(narrator(stored_rows(), stored()["image_features"]), logits, atol=0.1)


def test_sentences_about_boxes_are_the_same_with_a_cache():
    narrator = stored_narrator(prefix="vcr.", layout=BOXES, tokenizer=BoxTokenizer())
    box = (0.1, 0.2, 0.5, 0.6, 0.3, 0.4, 0.45, 0.45)
    prompts = [
        replace(
            row,
            boxes=(box,) + ((0.0,) * 8,) * (len(row) - 1),
            objects=("t9",) + (NO_OBJECT,) * (len(row) - 1),
        )
        for row in greedy_rows()
    ]
    features = stored()["greedy_features"]
    for special in ("masked", "stop"):
        options = DecodingOptions(special=special, batch=5)
        found = narrate(narrator, features, prompts, options)
        wanted = narrate_uncached(narrator, features, prompts, options)
        assert [each.ids for each in found] == [each.ids for each in wanted]


@torch.no_grad()
def test_padding_on_either_side_changes_no_score():
    narrator = small_narrator()
    rows = [asked("0", "what colour is the cat"), asked("1", "a dog")]
    tokens = narrator.image_tokens(torch.randn(2, 3, 16, 16))
    right = narrator(training_batch(rows, WORDS, length=14), tokens)
    left = narrator(prompt_batch(rows, WORDS), tokens)
    for place, row in enumerate(rows):
        alone = narrator(training_batch([row], WORDS), tokens[place, None])[0]
        torch.testing.assert_close(right[place, : len(row)], alone, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(left[place, -len(row) :], alone, atol=1e-4, rtol=1e-4)


def test_stored_tower_tokens_give_the_same_image_tokens():
    narrator = small_narrator()
    pixels = torch.randn(2, 3, 16, 16)
    halves = narrator.tower(pixels).half()
    torch.testing.assert_close(
        narrator.adapted(halves), narrator.image_tokens(pixels), atol=1e-2, rtol=1e-2
    )
    wide = narrator.image_tokens(torch.randn(1, 3, 16, 32))
    assert wide.shape == (1, 32, 16)
    assert wide.is_contiguous()
    with pytest.raises(UsageError, match="32 image tokens are no grid of 4 x 4"):
        narrator.adapted(narrator.tower(torch.randn(1, 3, 16, 32)))


@torch.no_grad()
def test_only_with_the_grid_code_does_the_place_of_a_token_matter():
    row = training_batch([asked("0", "is it a dog")], WORDS)
    features = torch.randn(1, 16, 8)
    for code, matters in (("none", False), ("sine", True)):
        narrator = small_narrator(grid_code=code)
        first = narrator(row, narrator.adapted(features))
        other = narrator(row, narrator.adapted(features.flip(1)))
        assert torch.allclose(first, other, atol=1e-4) != matters


def test_products_of_grid_codes_depend_on_distances_alone():
    codes = sine_grid(4, 5, width=24).view(4, 5, 24)
    assert codes.flatten(0, 1).unique(dim=0).shape[0] == 20
    torch.testing.assert_close(codes[0, 1] @ codes[2, 4], codes[3, 3] @ codes[1, 0])
    torch.testing.assert_close(codes[1, 2] @ codes[1, 2], torch.tensor(12.0))
    assert codes[0, 0] @ codes[0, 1] < 12
    torch.testing.assert_close(codes[2, 3, :12], codes[2, 0, :12])
    torch.testing.assert_close(codes[2, 3, 12:], codes[0, 3, 12:])


def test_the_seed_alone_decides_the_weights_and_gradients_reach_all_of_them():
    torch.manual_seed(1)
    first = small_narrator(seed=5).train()
    torch.manual_seed(2)
    again, other = small_narrator(seed=5), small_narrator(seed=6)
    same = {
        name: torch.equal(each, again.state_dict()[name])
        for name, each in first.state_dict().items()
    }
    assert all(same.values())
    assert not torch.equal(first.adapter.weight, other.adapter.weight)
    record = NarrationRecord("0", "uninlx", ("a",), "is it a dog", (Vote("yes"),), ("it has fur",))
    row = training_batch([first.rows.training_row(record, "it has fur")], WORDS)
    logits = first(row, first.image_tokens(torch.randn(1, 3, 16, 16)))
    shifted_loss(logits, row.labels).backward()
    assert all(each.grad is not None for each in first.parameters())
    assert first.decoder.lm_head.weight is first.decoder.transformer.wte.weight
    assert first.prompt(record).tokens == asked("", "is it a dog").tokens
