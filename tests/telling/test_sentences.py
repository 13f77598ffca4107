from dataclasses import replace

import pytest
import torch
from tests.telling.examples import ANSWERS, QUESTION, WORDS, image, narrator, record, untrained

from seewhy.models.narration.batches import training_batch
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.tokens import ANSWER, EXPLANATION, WordTokenizer
from seewhy.telling.sentences import (
    asked,
    continued,
    given_answer,
    log_probabilities,
    word_tokens,
    written,
)

OPTIONS = DecodingOptions(attention=True)
BEAMS = replace(OPTIONS, method="beam", beams=3)
COLOURS = tuple(ANSWERS)


def looked(who, colours=COLOURS):
    with torch.inference_mode():
        return who.image_tokens(torch.stack([who.preprocess(image(each)) for each in colours]))


def questions(who, count=2):
    return [asked(QUESTION)] * count


def test_what_was_learnt_by_heart_is_told():
    found = written(narrator(), looked(narrator()), questions(narrator()), OPTIONS)
    assert {each.answer: each.reason for each in found} == ANSWERS
    for each in found:
        assert WORDS.text(each.reason_ids) == each.reason
        assert each.attention.shape == (len(each.reason_ids), 64)
        assert each.attention.sum(dim=1).tolist() == pytest.approx([1] * len(each.reason_ids))


@pytest.mark.parametrize("options", [OPTIONS, BEAMS])
def test_the_own_answer_given_is_followed_by_the_own_reason(options):
    who, tokens = narrator(), looked(narrator())
    own = written(who, tokens, questions(who), options)
    pairs = list(zip(questions(who), COLOURS, strict=True))
    given = continued(who, tokens, pairs, options)
    for one, other in zip(own, given, strict=True):
        assert (other.ids, other.reason, other.reason_ids) == (one.ids, one.reason, one.reason_ids)
        assert torch.allclose(other.attention, one.attention, atol=1e-5)
        assert other.log_probability > one.log_probability


def test_reasons_for_an_answer_do_not_depend_on_the_batch():
    who, tokens = untrained().eval(), looked(untrained().eval())
    pairs = [(asked(QUESTION), "yellow"), (asked("what is the circle"), "red")]
    both = continued(who, tokens, pairs, replace(OPTIONS, batch=2))
    alone = continued(who, tokens, pairs, replace(OPTIONS, batch=1))
    assert [each.ids for each in both] == [each.ids for each in alone]
    assert [each.answer for each in both] == ["yellow", "red"]


@pytest.mark.parametrize("has_objects", [False, True])
def test_a_given_answer_is_the_row_of_training_up_to_because(has_objects):
    layout = RowLayout(40, question="as stored", has_objects=has_objects)
    who = untrained(layout=layout)
    told = replace(record("red", "x"), regions=asked(QUESTION).regions)
    row = given_answer(who.rows, told, "red")
    trained = who.rows.training_row(told, "there")
    count = len(row)
    assert row.tokens == trained.tokens[:count]
    assert row.segments == trained.segments[:count]
    assert (row.boxes, row.objects) == (
        trained.boxes and trained.boxes[:count],
        trained.objects and trained.objects[:count],
    )
    assert row.segments[-2:] == (ANSWER, EXPLANATION)
    assert len(row.is_target) == count
    assert row.tokens[-1] == "Ġbecause"


def test_a_long_question_loses_its_end_and_the_answer_stays():
    who = untrained(layout=RowLayout(10, question="as stored"))
    row = given_answer(who.rows, record("red", "x"), "red")
    short = replace(record("red", "x"), question="what colour is the")
    assert len(row) == 10
    assert row.tokens == given_answer(who.rows, short, "red").tokens


def test_a_sentence_scores_as_it_was_written():
    """The pass over the whole sentence and the steps that wrote it, but for the end marker."""
    who = narrator()
    pixels = torch.stack([who.preprocess(image(each)) for each in COLOURS])
    for place, each in enumerate(written(who, looked(who), questions(who), OPTIONS)):
        row = who.rows.training_row(record(each.answer, each.reason), each.reason)
        batch = training_batch([row], WORDS)
        with torch.inference_mode():
            scores = who(batch, looked(who)[place : place + 1])[0].log_softmax(dim=-1)
        start = len(row) - 1 - len(each.ids)
        wanted = sum(
            float(scores[start + step - 1, number]) for step, number in enumerate(each.ids)
        )
        assert log_probabilities(who, each, pixels)[place] == pytest.approx(wanted, abs=1e-4)


def test_the_other_image_makes_a_sentence_less_likely():
    who = narrator()
    pixels = torch.stack([who.preprocess(image(each)) for each in COLOURS])
    first, second = written(who, looked(who), questions(who), OPTIONS)
    assert log_probabilities(who, first, pixels)[0] > log_probabilities(who, first, pixels)[1] + 1
    assert log_probabilities(who, second, pixels)[1] > log_probabilities(who, second, pixels)[0] + 1


class Letters:
    """A tokenizer of letters, in which several tokens make a word."""

    size, special = 256, ()

    def tokens(self, text):
        return list(text)

    def ids(self, tokens):
        return list(map(ord, tokens))

    def text(self, ids):
        return "".join(map(chr, ids)).lstrip()


def test_tokens_belong_to_the_word_that_they_end_in():
    ids = list(map(ord, " a red"))
    assert word_tokens(Letters(), ids) == [(1,), (3, 4, 5)]
    words = WordTokenizer(("Ġred", "Ġcircle"))
    assert word_tokens(words, words.ids(["Ġred", "Ġcircle", "Ġred"])) == [(0,), (1,), (2,)]
    assert word_tokens(words, []) == []
