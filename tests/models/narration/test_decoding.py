from dataclasses import replace

import pytest
import torch
from tests.models.narration.toys import (
    GREEDY,
    WORDS,
    asked,
    continued,
    greedy_rows,
    same,
    small_narrator,
    stored,
    stored_narrator,
)

from seewhy.base.errors import UsageError
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.tokens import END, WordTokenizer
from seewhy.models.narration.uncached import narrate_uncached

PROMPTS = [
    asked("0", "what colour is the cat"),
    asked("1", "is it a dog"),
    asked("2", "what is it", lead="the"),
    asked("3", "is the cat red"),
    asked("4", "a dog"),
]


@pytest.fixture(scope="module")
def narrator():
    return small_narrator()


@pytest.fixture(scope="module")
def image_tokens(narrator):
    pixels = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        return narrator.image_tokens(pixels)


@pytest.mark.parametrize("write", [narrate, narrate_uncached])
@pytest.mark.parametrize("batch", [3, 64])
def test_the_stored_sentences_are_written_as_published(write, batch):
    options = DecodingOptions(special="stop", batch=batch)
    features = stored()["greedy_features"]
    found = write(stored_narrator(), features, greedy_rows(), options)
    assert [list(each.ids) for each in found] == [case["generated"] for case in GREEDY["cases"]]
    assert [each.text for each in found] == [case["full"] for case in GREEDY["cases"]]
    stopped = ["stop" in case["kind"] for case in GREEDY["cases"]]
    assert [each.ending is not None for each in found] == stopped


def test_the_stored_maps_are_those_of_the_last_block():
    arrays = stored()
    ids, segments = arrays["input_ids"], arrays["segment_ids"]
    row = replace(
        greedy_rows()[0],
        tokens=tuple(f"t{number}" for number in ids[0].tolist()),
        is_target=(False,) * ids.shape[1],
        segments=tuple(f"t{number}" for number in segments[0].tolist()),
    )
    options = DecodingOptions(special="stop", longest=1, attention=True)
    found = narrate(stored_narrator(), arrays["image_features"][:1], [row], options)[0]
    wanted = arrays["cross_attention_last"][0, :, -1]
    torch.testing.assert_close(found.attention[0], wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("batch", [1, 2, 64])
@pytest.mark.parametrize("special", ["masked", "stop"])
def test_batches_with_a_cache_write_what_one_at_a_time_does(narrator, image_tokens, batch, special):
    options = DecodingOptions(special=special, batch=batch, longest=12)
    found = narrate(narrator, image_tokens, PROMPTS, options)
    same(found, narrate_uncached(narrator, image_tokens, PROMPTS, options))
    assert len({each.ids for each in found}) > 2


def test_drawn_sentences_depend_on_the_generator_and_not_on_the_batch(narrator, image_tokens):
    def drawn(write, seed, **more):
        options = DecodingOptions(method="nucleus", temperature=1.5, top_p=0.95, **more)
        generator = torch.Generator().manual_seed(seed)
        return write(narrator, image_tokens, PROMPTS, options, generator=generator)

    wanted = drawn(narrate_uncached, 1)
    same(drawn(narrate, 1, batch=2), wanted)
    same(drawn(narrate, 1), wanted)
    assert [each.ids for each in drawn(narrate, 2)] != [each.ids for each in wanted]
    nearly_greedy = replace(DecodingOptions(method="nucleus"), temperature=1e-4, batch=3)
    same(
        narrate(narrator, image_tokens, PROMPTS, nearly_greedy, generator=torch.Generator()),
        narrate(narrator, image_tokens, PROMPTS),
    )


def test_log_probabilities_are_those_of_the_whole_row_at_once(narrator, image_tokens):
    found = narrate(narrator, image_tokens, PROMPTS, DecodingOptions(special="stop", longest=9))
    for place, each in enumerate(found):
        prompt = PROMPTS[place]
        row = continued(prompt, each)
        with torch.no_grad():
            scores = narrator(row, image_tokens[place : place + 1])[0].log_softmax(dim=-1)
        told = scores[len(prompt) - 1 : -1].gather(1, torch.tensor(each.ids)[:, None])[:, 0]
        assert each.log_probabilities == pytest.approx(told.tolist(), abs=1e-4)
        assert each.log_probability == pytest.approx(
            float(told.sum()) + (each.ending or 0.0), abs=1e-3
        )


def test_no_special_token_is_written_unless_it_may_end_a_sentence(narrator, image_tokens):
    forbidden = set(WORDS.ids([*WORDS.special, "<unknown>", END]))
    with torch.no_grad():
        words = narrator.decoder.transformer.wte.weight
        loud = small_narrator()
        loud.load_state_dict(narrator.state_dict())
        loud.decoder.transformer.wte.weight[min(forbidden) + 3] = 4 * words[0]
    masked = narrate(loud, image_tokens, PROMPTS)
    stopped = narrate(loud, image_tokens, PROMPTS, DecodingOptions(special="stop"))
    assert not forbidden & {number for each in masked for number in each.ids}
    assert not forbidden & {number for each in stopped for number in each.ids}


def test_answer_and_reason_part_at_the_first_because(narrator, image_tokens):
    options = DecodingOptions(method="nucleus", temperature=3.0, top_p=0.0)
    generator = torch.Generator().manual_seed(3)
    prompts, tokens = PROMPTS * 8, image_tokens.repeat(8, 1, 1)
    found = narrate(narrator, tokens, prompts, options, generator=generator)
    split = [each for each in found if "because" in each.text]
    assert len(split) > 3
    for each in split:
        answer, _, explanation = each.text.partition("because")
        assert (each.answer, each.explanation) == (answer.strip(), explanation.strip())
    for each in set(found) - set(split):
        assert (each.answer, each.explanation) == (each.text, "")


def test_sentences_end_where_positions_do(image_tokens):
    short = small_narrator(positions=12, layout=RowLayout(12, generated=20))
    found = narrate(short, image_tokens, PROMPTS, DecodingOptions(batch=5))
    rooms = [12 - len(row) for row in PROMPTS]
    assert all(len(each.ids) <= room for each, room in zip(found, rooms, strict=True))
    assert any(len(each.ids) == room for each, room in zip(found, rooms, strict=True))
    same(found, narrate_uncached(short, image_tokens, PROMPTS))
    long = asked("long", "is it a dog is it a cat")
    with pytest.raises(UsageError, match="prompt 'long' has 12 tokens and leaves no room"):
        narrate(short, image_tokens[:1], [long])


def test_maps_say_where_each_token_looked(narrator, image_tokens):
    options = DecodingOptions(attention=True, batch=2)
    found = narrate(narrator, image_tokens, PROMPTS, options)
    same(found, narrate(narrator, image_tokens, PROMPTS))
    assert sum(bool(each.ids) for each in found) > 2
    for each in found:
        if not each.ids:
            assert each.attention is None
            continue
        assert each.attention.shape == (len(each.ids), 2, 16)
        torch.testing.assert_close(each.attention.sum(-1), torch.ones(len(each.ids), 2))
    assert narrate(narrator, image_tokens[:1], PROMPTS[:1])[0].attention is None


def test_an_image_decides_what_is_written_about_it(narrator, image_tokens):
    one = narrate(narrator, image_tokens, PROMPTS[:1] * 5)
    assert len({each.log_probabilities for each in one}) == 5
    order = [3, 0, 4, 1, 2]
    swapped = narrate(narrator, image_tokens[order], [PROMPTS[0]] * 5)
    same(swapped, [one[place] for place in order])


def test_the_narrator_is_left_as_it_was(narrator, image_tokens):
    narrator.train()
    before = torch.get_rng_state()
    first = narrate(narrator, image_tokens, PROMPTS)
    assert narrator.training
    assert torch.equal(before, torch.get_rng_state())
    same(narrate(narrator.eval(), image_tokens, PROMPTS), first)
    assert narrate(narrator, image_tokens[:0], []) == ()


def test_what_cannot_be_written_is_refused(narrator, image_tokens):
    with pytest.raises(UsageError, match="5 prompts came with the tokens of 2 images"):
        narrate(narrator, image_tokens[:2], PROMPTS)
    with pytest.raises(UsageError, match="needs a generator"):
        narrate(narrator, image_tokens, PROMPTS, DecodingOptions(method="nucleus"))
    with pytest.raises(UsageError, match="neither beams nor attention"):
        narrate_uncached(narrator, image_tokens, PROMPTS, DecodingOptions(method="beam"))
    wordless = small_narrator(tokenizer=WordTokenizer(("Ġthe", "a")))
    with pytest.raises(UsageError, match="no token for the word because"):
        narrate(wordless, image_tokens, PROMPTS)
    for wrong in ({"beams": 0}, {"longest": 0}, {"temperature": 0.0}, {"top_p": 1.5}):
        with pytest.raises(UsageError, match="decoding: "):
            DecodingOptions(**wrong)
