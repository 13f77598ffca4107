import numpy as np
import pytest
from tests.evaluation.captions.golden import pairs, stored, stored_items

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.cider import frequencies
from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.meteor import NAME
from seewhy.evaluation.captions.scores import caption_change, score_captions

NAMES = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", NAME, "ROUGE-L", "CIDEr"]


def test_values_are_the_published_ones_by_name():
    scores = score_captions(stored_items())
    expected = stored("nlg.json")["with_ptb"]
    assert list(scores.values) == list(scores.each) == NAMES
    assert [scores.values[name] for name in NAMES[:4]] == pytest.approx(expected["bleu"])
    assert scores.values["ROUGE-L"] == pytest.approx(expected["rouge_l"])
    assert scores.values["CIDEr"] == pytest.approx(expected["cider"])
    assert scores.each["CIDEr"] == pytest.approx(expected["cider_each"])
    assert scores.each["BLEU-2"] == pytest.approx(expected["bleu_each"][1])


def test_intervals_are_quantiles_of_scores_of_texts_drawn():
    scores = score_captions(stored_items())
    found = scores.intervals(resamples=40, seed=3)
    drawn = []
    for number in range(40):
        places = np.random.default_rng([3, number]).integers(22, size=22)
        chosen = caption_items(
            {k: pairs()[place]["candidate"] for k, place in enumerate(places)},
            {k: pairs()[place]["references"] for k, place in enumerate(places)},
        )
        known = frequencies(stored_items().references)
        drawn.append(score_captions(chosen, known=known).values)
    for name in NAMES:
        low, high = np.quantile([each[name] for each in drawn], (0.025, 0.975))
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=1e-9)
        assert found[name].value == pytest.approx(scores.values[name])


def test_no_text_has_no_score():
    scores = score_captions(stored_items().only(()))
    assert np.isnan(list(scores.values.values())).all()
    assert all(np.isnan(each.value) for each in scores.intervals().values())


REFERENCES = {0: ["a red cat sits"], 1: ["a dog runs fast"], 2: ["the sky is blue"], 3: ["a cup"]}
BEFORE = {0: "a red cat sits", 1: "a dog sits still", 2: "the sky is blue", 3: "a plate"}
AFTER = {0: "a red dog sits", 1: "a dog runs fast", 2: "the sky is blue", 3: "a bowl"}


def scored(texts):
    return score_captions(caption_items(texts, REFERENCES))


def test_an_edit_is_judged_text_by_text():
    change = caption_change(scored(BEFORE), scored(AFTER), resamples=100)
    assert {name: each.value for name, each in change.shares.items()} == {
        "changed": 0.75,
        "improved": 0.25,
        "worsened": 0.25,
        "kept when right": 0.5,
    }
    for name, interval in change.differences.items():
        assert interval.value == pytest.approx(
            scored(AFTER).values[name] - scored(BEFORE).values[name]
        )
        assert interval.low <= interval.value <= interval.high


def test_no_edit_makes_no_difference_and_a_reversed_one_the_opposite():
    still = caption_change(scored(BEFORE), scored(BEFORE), resamples=100)
    assert {(each.value, each.low, each.high) for each in still.differences.values()} == {(0, 0, 0)}
    assert still.shares["kept when right"].value == 1
    there = caption_change(scored(BEFORE), scored(AFTER), resamples=100).differences
    back = caption_change(scored(AFTER), scored(BEFORE), resamples=100).differences
    for name in NAMES:
        assert there[name].value == pytest.approx(-back[name].value)
        assert there[name].low == pytest.approx(-back[name].high)


def test_scores_of_other_items_are_not_compared():
    fewer = score_captions(scored(BEFORE).items.only([0, 1]))
    with pytest.raises(UsageError, match="4 texts before and 2 after"):
        caption_change(scored(BEFORE), fewer)


def test_a_part_is_scored_as_if_it_were_all():
    part = score_captions(stored_items()).only({2, 6, 20, "unknown"})
    anew = score_captions(stored_items().only({2, 6, 20}))
    assert part.items == anew.items
    assert part.values == pytest.approx(anew.values)
    assert part.values["CIDEr"] != pytest.approx(
        score_captions(stored_items()).each["CIDEr"][[2, 6, 20]].mean()
    )
