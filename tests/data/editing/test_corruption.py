from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from seewhy.base.errors import UsageError
from seewhy.data.editing.corruption import (
    CORRUPTIONS,
    Corruption,
    CorruptionRates,
    corrupted_caption,
)
from seewhy.data.editing.facts import EditFacts, edit_words, facts_of
from seewhy.data.scenes import COLOURS

FACTS = EditFacts("red", "circle", "left of", "orange", "star")
COUNT = 600
MANY = facts_of("train")[:COUNT]
ALWAYS = CorruptionRates(corrupted=1.0)


def made(rates=CorruptionRates(), seed=0):  # noqa: B008
    chance = np.random.default_rng(seed)
    return [(facts, corrupted_caption(facts, chance, rates=rates)) for facts in MANY]


def only(kind):
    return CorruptionRates(corrupted=1.0, twice=1.0, weights={kind: 1.0})


def edited(words, corruption):
    """All captions that a word-level corruption can make of these words."""
    match corruption.kind:
        case "dropped word":
            return [
                words[:place] + words[place + 1 :]
                for place in range(len(words))
                if words[place : place + 1] == corruption.right
            ]
        case "inserted word":
            return [
                words[:place] + corruption.wrong + words[place:] for place in range(len(words) + 1)
            ]
        case _:
            return [
                words[:place] + corruption.wrong + words[place + 2 :]
                for place in range(len(words) - 1)
                if words[place : place + 2] == corruption.right
            ]


def test_shares_of_clean_single_and_double_faults_are_those_asked_for():
    counts = Counter(len(caption.corruptions) for _, caption in made())
    # Three standard deviations of 600 draws are at most 6 %.
    assert counts[0] / COUNT == pytest.approx(0.3, abs=0.06)
    assert counts[1] / COUNT == pytest.approx(0.35, abs=0.06)
    assert counts[2] / COUNT == pytest.approx(0.35, abs=0.06)


def test_a_caption_without_a_recorded_fault_is_right_and_every_other_one_wrong():
    for facts, caption in made():
        assert (caption.words == facts.words) == (not caption.corruptions)


def test_every_kind_occurs_about_as_often():
    counts = Counter(each.kind for _, caption in made(ALWAYS) for each in caption.corruptions)
    assert set(counts) == set(CORRUPTIONS)
    assert min(counts.values()) > 0.5 * max(counts.values())


@given(number=integers(0, 7372), seed=integers(0, 2**16))
@settings(max_examples=150)
def test_the_hidden_colour_stays_and_is_the_last_colour_word(number, seed):
    facts = facts_of("train")[number]
    caption = corrupted_caption(facts, np.random.default_rng(seed), rates=ALWAYS)
    assert [word for word in caption.words if word in COLOURS][-1] == facts.other_colour
    assert set(caption.words) <= set(edit_words())
    assert 7 <= len(caption.words) <= 11


@pytest.mark.parametrize(
    ("kind", "place", "right"),
    [
        ("colour", slice(1, 2), ("red",)),
        ("kind", slice(2, 3), ("circle",)),
        ("relation", slice(4, -3), ("left", "of")),
        ("other kind", slice(-1, None), ("star",)),
        ("repeated noun", slice(-1, None), ("star",)),
    ],
)
def test_a_wrong_statement_is_recorded_as_it_stands(kind, place, right):
    chance = np.random.default_rng(3)
    for _ in range(40):
        caption = corrupted_caption(FACTS, chance, rates=only(kind))
        assert caption.corruptions == (Corruption(kind, right, caption.words[place]),)
        assert caption.words[place] != right
        # Nothing else is changed, but for the article that the colour asks for.
        article = "an" if caption.words[1] == "orange" else "a"
        rest = list(FACTS.words)
        rest[place], rest[0] = caption.words[place], article
        assert caption.words == tuple(rest)


def test_a_repeated_noun_is_that_of_the_first_object():
    caption = corrupted_caption(FACTS, np.random.default_rng(0), rates=only("repeated noun"))
    assert " ".join(caption.words) == "a red circle is left of an orange circle"


@pytest.mark.parametrize("kind", ["dropped word", "swapped words", "inserted word"])
def test_a_fault_of_wording_is_recorded_as_it_was_made(kind):
    for facts, caption in made(only(kind)):
        (corruption,) = caption.corruptions
        assert corruption.kind == kind
        assert caption.words in edited(facts.words, corruption)


def test_two_alike_shapes_have_no_repeated_noun():
    facts = EditFacts("red", "star", "above", "blue", "star")
    rates = CorruptionRates(corrupted=1.0, weights={"repeated noun": 99.0, "colour": 1.0})
    chance = np.random.default_rng(0)
    kinds = {
        each.kind
        for _ in range(50)
        for each in corrupted_caption(facts, chance, rates=rates).corruptions
    }
    assert kinds == {"colour"}
    clean = corrupted_caption(facts, chance, rates=only("repeated noun"))
    assert (clean.words, clean.corruptions) == (facts.words, ())


def test_faults_of_one_caption_are_of_different_kinds_that_do_not_undo_each_other():
    for facts, caption in made(CorruptionRates(corrupted=1.0, twice=1.0)):
        kinds = {each.kind for each in caption.corruptions}
        assert len(kinds) == 2
        assert not kinds > {"repeated noun"} or not kinds & {"kind", "other kind"}
        for each in caption.corruptions:
            if each.kind in ("colour", "kind", "other kind", "repeated noun"):
                # A word that was replaced is not dropped or moved by the other fault.
                assert each.wrong[0] in caption.words
        assert caption.words != facts.words


def test_the_same_chance_makes_the_same_faults_and_another_one_others():
    assert made(seed=5) == made(seed=5)
    changed = sum(one != other for one, other in zip(made(seed=5), made(seed=6), strict=True))
    assert changed > 450


def test_weights_are_ratios():
    rates = CorruptionRates(corrupted=1.0, twice=0.0, weights={"colour": 3.0, "kind": 1.0})
    counts = Counter(caption.corruptions[0].kind for _, caption in made(rates))
    assert counts["colour"] / COUNT == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize(
    "settings_",
    [
        {"corrupted": 1.1},
        {"twice": -0.1},
        {"corrupted": float("nan")},
        {"weights": {"colour": -1.0}},
        {"weights": {"colour": float("nan")}},
        {"weights": {"typo": 1.0}},
        {"weights": {}},
        {"weights": {"repeated noun": 0.0}},
    ],
)
def test_impossible_rates_are_refused(settings_):
    with pytest.raises(UsageError, match=r"wanted|weight"):
        CorruptionRates(**settings_)


def test_no_faults_need_no_weights():
    assert all(
        caption.words == facts.words
        for facts, caption in made(CorruptionRates(corrupted=0.0, weights={}))
    )


def test_a_corrupted_caption_alone_does_not_tell_the_truth():
    chance = np.random.default_rng(1)
    made_of = [
        {corrupted_caption(truth, chance, rates=only("colour")).words for _ in range(60)}
        for truth in (FACTS, replace(FACTS, colour="green"))
    ]
    assert len(made_of[0] & made_of[1]) == 6
