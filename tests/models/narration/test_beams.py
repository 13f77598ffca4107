from itertools import product

import pytest
import torch
from tests.models.narration.toys import asked, continued_row, same, small_narrator

from seewhy.models.narration.batches import training_batch
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.tokens import END, UNKNOWN, WordTokenizer

FEW = WordTokenizer(("Ġa", "Ġbecause", "Ġthe", "the"))
PROMPTS = [
    asked("0", "a the", tokenizer=FEW, lead="a"),
    asked("1", "the", tokenizer=FEW, lead="the a the"),
    asked("2", "the a", tokenizer=FEW, lead="the"),
]


@pytest.fixture(scope="module")
def narrator():
    return small_narrator(seed=3, tokenizer=FEW)


@pytest.fixture(scope="module")
def image_tokens(narrator):
    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return narrator.image_tokens(pixels)


@torch.no_grad()
def best_of_all(narrator, image_tokens, prompt, *, longest, penalty):
    """The best of all sentences, each scored by the whole row at once."""
    end, *forbidden = FEW.ids([END, UNKNOWN, *FEW.special])
    found = []
    for length in range(longest + 1):
        sentences = list(product(range(len(FEW.words)), repeat=length))
        rows = [continued_row(prompt, ids, tokenizer=FEW) for ids in sentences]
        seen = image_tokens.expand(len(rows), -1, -1).contiguous()
        scores = narrator(training_batch(rows, FEW), seen)[:, len(prompt) - 1 :]
        scores[..., forbidden] = -torch.inf
        for ids, own in zip(sentences, scores.log_softmax(dim=-1).tolist(), strict=True):
            ended = [*ids, end] if length < longest else ids
            told = sum(own[place][number] for place, number in enumerate(ended))
            found.append((told / len(ended) ** penalty, ids))
    return max(found)


@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0])
def test_enough_beams_find_the_best_of_all_sentences(narrator, image_tokens, penalty):
    options = DecodingOptions(method="beam", beams=64, longest=3, length_penalty=penalty)
    found = narrate(narrator, image_tokens, PROMPTS, options)
    for place, each in enumerate(found):
        score, ids = best_of_all(
            narrator, image_tokens[place, None], PROMPTS[place], longest=3, penalty=penalty
        )
        assert each.ids == ids
        choices = len(ids) + (each.ending is not None)
        assert each.log_probability / choices**penalty == pytest.approx(score, abs=1e-4)


def test_one_beam_without_penalty_is_greedy(narrator, image_tokens):
    beam = DecodingOptions(method="beam", beams=1, length_penalty=0.0)
    same(
        narrate(narrator, image_tokens, PROMPTS, beam),
        narrate(narrator, image_tokens, PROMPTS),
    )


def test_beams_of_a_batch_are_those_of_each_sentence_alone(narrator, image_tokens):
    def found(**more):
        options = DecodingOptions(method="beam", beams=3, longest=10, **more)
        return narrate(narrator, image_tokens, PROMPTS, options)

    alone = found(batch=1)
    same(found(), alone)
    same(found(special="stop"), found(special="stop", batch=1))
    looking = found(attention=True)
    same(looking, alone)
    for each in looking:
        if each.ids:
            assert each.attention.shape == (len(each.ids), 2, 16)
            torch.testing.assert_close(each.attention.sum(-1), torch.ones(len(each.ids), 2))


def test_more_beams_find_no_worse_sentence(narrator, image_tokens):
    def likelihoods(**more):
        options = DecodingOptions(longest=8, length_penalty=0.0, **more)
        return [each.log_probability for each in narrate(narrator, image_tokens, PROMPTS, options)]

    assert all(
        many >= greedy - 1e-5
        for many, greedy in zip(likelihoods(method="beam", beams=8), likelihoods(), strict=True)
    )
