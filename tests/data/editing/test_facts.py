from itertools import combinations

import pytest

from seewhy.data.editing.facts import (
    EDIT_SPLITS,
    RELATIONS,
    EditFacts,
    edit_words,
    facts_of,
    read_facts,
)
from seewhy.data.scenes import COLOURS, SHAPES

FACTS = EditFacts("red", "circle", "left of", "orange", "star")


def test_the_caption_is_worded_as_english_has_it():
    assert " ".join(FACTS.words) == "a red circle is left of an orange star"
    assert " ".join(EditFacts("orange", "ring", "above", "blue", "ring").words) == (
        "an orange ring is above a blue ring"
    )


def test_every_word_has_its_part():
    assert [part.role for part in FACTS.parts] == [
        "article", "colour", "kind", "verb", "relation", "relation",
        "other article", "other colour", "other kind",
    ]  # fmt: skip


def test_splits_share_no_facts_and_together_hold_all():
    groups = [set(facts_of(split)) for split in EDIT_SPLITS]
    assert all(not one & other for one, other in combinations(groups, 2))
    assert len(set.union(*groups)) == len(COLOURS) ** 2 * len(SHAPES) ** 2 * len(RELATIONS)
    assert [len(group) for group in groups] == [7373, 921, 922]


@pytest.mark.parametrize("split", EDIT_SPLITS)
def test_every_split_has_every_value_of_every_fact(split):
    facts = facts_of(split)
    assert {each.colour for each in facts} == {each.other_colour for each in facts} == set(COLOURS)
    assert {each.kind for each in facts} == {each.other_kind for each in facts} == set(SHAPES)
    assert {each.relation for each in facts} == set(RELATIONS)


def test_captions_are_read_back_and_hold_known_words_alone():
    for facts in facts_of("validation"):
        assert read_facts(facts.words) == facts
        assert set(facts.words) <= set(edit_words())


def test_every_word_occurs_once_in_the_list_and_is_needed():
    used = {word for facts in facts_of("train") for word in facts.words}
    assert sorted(edit_words()) == sorted(used)


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "a red circle is above a blue",
        "an red circle is above a blue star",
        "a red circle is above of a blue star",
        "a red circle is above an blue star",
        "a grey circle is above a blue star",
        "a red circle was above a blue star",
        "the red circle is above a blue star",
        "a red circle is above a blue star star",
        "circle red a is above a blue star",
    ],
)
def test_a_caption_that_is_worded_otherwise_is_not_read(caption):
    assert read_facts(caption.split()) is None
