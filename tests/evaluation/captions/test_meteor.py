import numpy as np
import pytest
from tests.evaluation.captions.golden import stored, stored_items

from seewhy.evaluation.captions.items import Items, caption_items
from seewhy.evaluation.captions.meteor import meteor, normal_words

# Where the official program matches a synonym or a paraphrase, which this one cannot know.
BEYOND = {0, 1, 8, 9, 12, 13, 14, 21}


def test_scores_are_the_official_ones_where_words_and_stems_decide():
    expected = np.array(stored("nlg.json")["meteor_each"])
    found = meteor(stored_items()).each
    plain = [place for place in range(22) if place not in BEYOND]
    assert found[plain] == pytest.approx(expected[plain], abs=1e-6)


def test_the_distance_from_the_official_program_is_as_documented():
    scores = stored("nlg.json")
    found = meteor(stored_items())
    whole = found(np.ones(22, dtype=np.int64))[0]
    assert whole - scores["meteor_with_ptb"] == pytest.approx(-0.01682, abs=1e-5)
    assert np.abs(found.each - scores["meteor_each"]).max() == pytest.approx(0.0877, abs=1e-4)


def score(candidate, *references):
    return meteor(caption_items({0: candidate}, {0: references})).each[0]


def test_by_hand():
    # "holds" has the stem of "holding"; "he" and "a" are function words; runs: he holds a | bat.
    weighted = 0.25 + 0.6 * 0.75 + 0.25 + 0.75
    precision, recall = weighted / 2.0, weighted / 2.75
    mean = 1 / (0.15 / precision + 0.85 / recall)
    assert score("he holds a bat", "he holding a big bat") == pytest.approx(
        mean * (1 - 0.6 * (2 / 4) ** 0.2)
    )


def test_the_reference_that_suits_best_counts():
    assert score("a red cup", "nothing alike", "a red cup") == 1
    assert score("a red cup", "red things") == score("a red cup", "red things", "blue sky")


def test_nothing_in_common_and_empty_texts_have_nothing():
    assert score("", "a cat") == score("dog", "a cat") == score("dog", "") == score("", "") == 0


def test_the_whole_is_the_sum_of_counts_not_the_mean_of_scores():
    found = meteor(stored_items())
    twice = meteor(Items(("x", "y"), stored_items().candidates[:2], stored_items().references[:2]))
    weights = np.zeros(22, dtype=np.int64)
    weights[:2] = 1
    assert found(weights)[0] == pytest.approx(twice(np.ones(2, dtype=np.int64))[0])
    assert found(weights)[0] != pytest.approx(found.each[:2].mean(), abs=1e-3)


def test_words_are_cut_as_the_official_normaliser_does():
    given = ("a", "t-shirt", "ca", "n't", "dog", "'s", "u.s.", "he/she", "3.5", "&", "1950s")
    expected = "a t shirt ca n 't dog ' s us he / she 3.5 & 1950s"
    assert " ".join(normal_words(given)) == expected
