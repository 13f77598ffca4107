from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, integers, none, sampled_from

from seewhy.data.claims import (
    ANY,
    COUNTS,
    DIGIT,
    Claim,
    attribute_claims,
    canonical_phrase,
    claim_about,
    phrase,
    truth_table,
    vocabulary,
)
from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    KINDS,
    MARKS,
    POSITIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    random_scene,
)

NAMES = tuple(field.name for field in fields(Claim))
SINGLES = [claim for group in attribute_claims().values() for claim in group.values()]


def maybe(values):
    return none() | sampled_from(sorted(values))


CLAIMS = builds(
    Claim,
    kind=sampled_from([*KINDS, ANY, DIGIT]),
    colour=maybe(COLOURS),
    texture=maybe(TEXTURES),
    size=maybe(SIZES),
    position=maybe(POSITIONS),
    background_colour=maybe(BACKGROUNDS),
    background_texture=maybe(TEXTURES),
    mark=maybe(MARKS),
)


def is_true(claim, scene):
    """The meaning of a claim, one scene at a time."""

    def fits(item):
        kinds = {ANY: KINDS, DIGIT: DIGITS}.get(claim.kind, (claim.kind,))
        return item.kind in kinds and all(
            getattr(claim, name) in (None, getattr(item, name))
            for name in ("colour", "texture", "size", "position")
        )

    return (
        any(fits(item) for item in scene.objects)
        and claim.background_colour in (None, scene.background_colour)
        and claim.background_texture in (None, scene.background_texture)
        and claim.mark in (None, scene.mark)
        and claim.count in (None, ("one", "two", "three")[len(scene.objects) - 1])
    )


def random_scenes(seed, count):
    generator = np.random.default_rng(seed)
    return [random_scene(generator, objects=1 + number % 3) for number in range(count)]


def random_claim(scene, generator):
    names = generator.choice(NAMES, size=generator.integers(0, 5), replace=False)
    of = int(generator.integers(len(scene.objects)))
    claim = claim_about(scene, list(map(str, names)), of=of)
    is_digit = claim.kind in DIGITS and generator.random() < 0.5
    return replace(claim, kind=DIGIT) if is_digit else claim


@given(seed=integers(0, 2**20))
@settings(max_examples=10)
def test_the_truth_table_is_the_meaning_of_each_claim(seed):
    scenes = random_scenes(seed, 24)
    generator = np.random.default_rng(seed)
    claims = SINGLES + [random_claim(scene, generator) for scene in scenes] + [Claim()]
    table = truth_table(scenes, claims)
    assert table.tolist() == [[is_true(claim, scene) for claim in claims] for scene in scenes]


def test_one_object_must_have_all_the_attributes():
    first, second = random_scenes(0, 3)[1].objects
    scene = replace(random_scenes(0, 3)[1], objects=(
        replace(first, kind="circle", colour="red"), replace(second, kind="star", colour="blue"),
    ))  # fmt: skip
    claims = [
        Claim(kind="circle", colour="red"),
        Claim(kind="star", colour="blue"),
        Claim(kind="circle", colour="blue"),
        Claim(kind="star", colour="red"),
        Claim(kind=DIGIT),
        Claim(count="two"),
    ]
    assert truth_table([scene], claims).tolist() == [[True, True, False, False, False, True]]


@given(seed=integers(0, 2**20))
@settings(max_examples=40)
def test_what_is_said_about_a_scene_is_true_of_it_and_adding_words_makes_it_no_truer(seed):
    scene = random_scenes(seed, 3)[seed % 3]
    generator = np.random.default_rng(seed)
    claim = random_claim(scene, generator)
    assert truth_table([scene], [claim, replace(claim, colour=None, kind=ANY)]).all()
    others = random_scenes(seed + 1, 20)
    stricter, looser = truth_table(others, [claim, replace(claim, colour=None)]).T
    assert (stricter <= looser).all()


@given(seed=integers(0, 2**20))
@settings(max_examples=20)
def test_a_single_object_has_one_value_in_each_group_and_a_kind_in_one_of_two(seed):
    scenes = [random_scene(np.random.default_rng([seed, n])) for n in range(10)]
    counts = {
        group: truth_table(scenes, list(claims.values())).sum(axis=1)
        for group, claims in attribute_claims().items()
    }
    assert (counts.pop("value") + counts.pop("shape") == 1).all()
    assert all((count == 1).all() for count in counts.values())


def test_a_claim_names_the_attributes_asked_for_of_the_object_asked_for():
    scene = random_scenes(3, 3)[2]
    item = scene.objects[1]
    claim = claim_about(scene, ["kind", "colour", "count", "mark"], of=1)
    assert claim == Claim(kind=item.kind, colour=item.colour, count="three", mark=scene.mark)
    assert claim_about(scene, []) == Claim()
    assert claim_about(scene, ["position"]).position is None


def test_no_scenes_and_no_claims_make_empty_tables():
    scenes = random_scenes(0, 2)
    assert truth_table(scenes, []).shape == (2, 0)
    assert truth_table([], SINGLES).shape == (0, len(SINGLES))


@given(claim=CLAIMS, seed=integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_every_phrase_is_made_of_words_of_the_vocabulary(claim, seed):
    words = set(vocabulary())
    assert set(phrase(claim, np.random.default_rng(seed)).split()) <= words
    assert set(canonical_phrase(claim).split()) <= words


@pytest.mark.parametrize("claim", SINGLES, ids=canonical_phrase)
def test_phrases_of_single_attributes_stay_within_the_vocabulary(claim):
    generator = np.random.default_rng(0)
    words = {word for _ in range(60) for word in phrase(claim, generator).split()}
    assert words <= set(vocabulary())


SYNONYMS = {
    "small": {"small", "tiny", "little"},
    "medium": {"medium"},
    "large": {"large", "big", "huge"},
    "plain": {"plain", "uniform", "solid"},
    "striped": {"striped"},
    "dotted": {"dotted", "spotted"},
    "checkered": {"checkered", "checked"},
    "center": {"center", "centre", "middle"},
    "grey": {"grey", "gray"},
    "none": {"without", "no"},
    DIGIT: {"digit", "number"},
    ANY: {"object", "shape", "thing", "figure", "something"},
} | {
    str(value): {str(value), word}
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )
}


def says(text, value):
    return bool(SYNONYMS.get(value, {value}) & set(text.split()))


@given(claim=CLAIMS, seed=integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_a_phrase_says_every_attribute_of_its_claim(claim, seed):
    text = phrase(claim, np.random.default_rng(seed))
    values = [value for value in vars(claim).values() if value not in (None, ANY)]
    assert all(says(text, value) for value in values)


@given(claim=CLAIMS, seed=integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_a_phrase_says_no_other_colour_kind_or_size(claim, seed):
    words = phrase(claim, np.random.default_rng(seed)).split()
    allowed = {claim.colour, claim.background_colour}
    assert {word for word in words if word in BACKGROUNDS} <= allowed
    assert {word for word in words if word in KINDS} <= {claim.kind, "square"}
    if claim.size is None:
        assert not {"small", "tiny", "little", "medium", "large", "big", "huge"} & set(words)


@given(claim=CLAIMS, seed=integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_articles_fit_the_next_word(claim, seed):
    for text in (phrase(claim, np.random.default_rng(seed)), canonical_phrase(claim)):
        words = text.split()
        for article, word in pairwise(words):
            if article in ("a", "an") and word.isalpha():
                assert (article == "an") == (word[0] in "aeio" and word != "one"), text


@pytest.mark.parametrize("count", COUNTS)
def test_counts_are_told_with_plurals(count):
    generator = np.random.default_rng(1)
    texts = [phrase(Claim(count=count), generator) for _ in range(30)]
    texts.append(canonical_phrase(Claim(count=count)))
    for text in texts:
        assert count in text.split()
        assert text.endswith("s") == (count != "one")


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_alone_is_told_without_an_object(mark):
    generator = np.random.default_rng(1)
    texts = {phrase(Claim(mark=mark), generator) for _ in range(60)}
    assert len(texts) >= 3
    assert all(says(text, "none" if mark == "none" else mark) for text in texts)
    assert not any(says(text, ANY) for text in texts)


def test_plainest_phrases_by_hand():
    assert canonical_phrase(Claim()) == "a photo of an object"
    assert canonical_phrase(Claim(kind="5")) == "a photo of a digit with the value 5"
    assert canonical_phrase(Claim(kind="star")) == "a photo of a star"
    assert canonical_phrase(Claim(kind=DIGIT, colour="red")) == "a photo of a red digit"
    assert canonical_phrase(Claim(colour="orange")) == "a photo of an orange object"
    orange = Claim(background_colour="orange")
    assert canonical_phrase(orange) == "a photo of an object on an orange background"
    assert canonical_phrase(Claim(position="top")) == "a photo of an object at the top"
    assert canonical_phrase(Claim(mark="none")) == "a picture without a frame or mark"
    assert canonical_phrase(Claim(count="two")) == "a picture of two objects"
    assert canonical_phrase(Claim(count="one")) == "a picture of one object"
    crowded = Claim("ring", "red", "dotted", "small", "left", "blue", "striped")
    assert canonical_phrase(crowded) == (
        "a photo of a small dotted red ring on the left on a striped blue background"
    )


def test_the_plainest_phrases_tell_all_attribute_values_apart():
    texts = [canonical_phrase(claim) for claim in SINGLES]
    assert len(set(texts)) == len(texts)


@given(claim=CLAIMS)
@settings(max_examples=50)
def test_the_plainest_phrase_says_every_attribute_of_its_claim(claim):
    values = [value for value in vars(claim).values() if value not in (None, ANY)]
    assert all(says(canonical_phrase(claim), value) for value in values)


def test_the_vocabulary_is_sorted_unique_and_lower_case():
    words = vocabulary()
    assert list(words) == sorted(set(words))
    assert all(word == word.lower() and word.isalnum() for word in words)
    assert {*SHAPES, *DIGITS, *COLOURS, "gray", "something"} <= set(words)
