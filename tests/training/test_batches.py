from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from tests.training.examples import STAGE, TINY
from torch.testing import assert_close

from seewhy.data.claims import COUNTS, Claim, attribute_claims, truth_table, vocabulary
from seewhy.data.digits import CHANNELS, digit_indices, draw_digit
from seewhy.data.scenes import DIGITS, draw_scene
from seewhy.models.embedded import normalised_pixels
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training import batches
from seewhy.training.batches import claim_batch
from seewhy.training.recipes import CONTEXT, SIDE

SINGLES = [claim for group in attribute_claims().values() for claim in group.values()]


def generator(*seed):
    return np.random.default_rng([*seed])


def pictures_of(recipe, chance, count=STAGE.batch_size, *, stage=STAGE):
    return [batches._training_picture(recipe, stage, chance) for _ in range(count)]


def test_a_batch_says_what_is_true_of_its_pictures():
    batch = claim_batch(TINY, STAGE, generator(0, 1))
    pictures = pictures_of(TINY, generator(0, 1))
    assert_close(batch.pixels, normalised_pixels(np.stack([pixels for _, pixels in pictures])))
    assert len(batch.texts) == batch.is_true.shape[1] == len(SINGLES) + TINY.compound_claims
    expected = truth_table([scene for scene, _ in pictures], SINGLES)
    assert batch.is_true[:, : len(SINGLES)].tolist() == expected.tolist()


@given(seed=integers(0, 2**16))
@settings(max_examples=10)
def test_every_claim_of_several_attributes_is_true_of_some_picture_and_can_be_said(seed):
    recipe = replace(TINY, compound_claims=30)
    batch = claim_batch(recipe, STAGE, generator(seed))
    assert batch.is_true[:, len(SINGLES) :].any(dim=0).all()
    ids = WordTokenizer(vocabulary(), CONTEXT)(list(batch.texts))
    assert (ids.max(dim=1).values == len(vocabulary()) + 2).all()


def test_batches_depend_on_the_generator_alone():
    first, again, other = (claim_batch(TINY, STAGE, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.pixels, again.pixels)
    assert first.texts == again.texts
    assert not torch.equal(first.pixels, other.pixels)


def test_a_literal_digit_is_the_picture_of_the_experiment_and_its_scene_says_so():
    recipe = replace(TINY, plain_digits=2.0)
    for scene, pixels in pictures_of(recipe, generator(0), 20):
        (item,) = scene.objects
        assert item.glyph in digit_indices("train")
        assert np.array_equal(pixels, np.asarray(draw_digit(item.glyph, item.colour, SIDE)))
        claim = Claim(item.kind, item.colour, "plain", "large", "center", "black", "plain", "none")
        assert truth_table([scene], [replace(claim, count="one")]).all()


def test_no_picture_shows_handwriting_that_is_held_out():
    glyphs = {
        item.glyph for scene, _ in pictures_of(TINY, generator(0), 300) for item in scene.objects
    } - {None}
    assert len(glyphs) > 50
    assert glyphs <= set(digit_indices("train"))


def test_pictures_come_in_the_shares_of_the_recipe():
    pictures = pictures_of(TINY, generator(0), 800)
    scenes = [scene for scene, _ in pictures]
    literal = [
        np.array_equal(p, np.asarray(draw_digit(s.objects[0].glyph, s.objects[0].colour, SIDE)))
        if s.objects[0].glyph is not None and s.objects[0].colour in CHANNELS
        else False
        for s, p in pictures
    ]
    crowded = [len(scene.objects) > 1 for scene in scenes]
    filling = [scene.objects[0].radius > 0.375 for scene in scenes]
    assert np.mean(literal) == pytest.approx(0.1, abs=0.035)
    assert np.mean(filling) == pytest.approx(0.2, abs=0.04)
    assert np.mean(crowded) == pytest.approx(0.25, abs=0.04)
    counts = [COUNTS[len(scene.objects) - 1] for scene in scenes]
    assert abs(counts.count("two") - counts.count("three")) < 60


def test_large_pictures_are_drawn_or_enlarged_half_each():
    stage = replace(STAGE, side=2 * SIDE, crowded=1.0)
    recipe = replace(TINY, plain_digits=0.0)
    shares = []
    for scene, pixels in pictures_of(recipe, generator(0), 60, stage=stage):
        assert pixels.shape == (128, 128, 3)
        assert len(scene.objects) > 1
        shares.append(np.array_equal(pixels, draw_scene(scene, 128).pixels))
    assert 0.3 < np.mean(shares) < 0.7


def test_a_recipe_for_objects_says_nothing_of_the_scene():
    recipe = replace(TINY, groups=("value", "shape", "colour", "texture"), compound_claims=60)
    batch = claim_batch(recipe, STAGE, generator(0))
    assert len(recipe.claims) == sum(recipe.group_sizes) == 10 + 6 + 8 + 4
    assert batch.is_true.shape == (STAGE.batch_size, len(recipe.claims) + 60)
    chance = generator(0)
    for scene, _ in pictures_of(recipe, chance, 40):
        claim = batches._compound_claim(scene, recipe, chance)
        assert claim == Claim(claim.kind, claim.colour, claim.texture)


def test_compound_claims_name_one_to_three_attributes_and_some_any_digit():
    scenes = [scene for scene, _ in pictures_of(TINY, generator(0), 200)]
    chance = generator(3)
    claims = [(scene, batches._compound_claim(scene, TINY, chance)) for scene in scenes]
    named = [sum(a != b for a, b in zip(vars(c).values(), vars(Claim()).values(), strict=True))
             for _, c in claims]  # fmt: skip
    assert set(named) <= {0, 1, 2, 3, 4}
    assert np.mean(named) > 1.5
    assert all(truth_table([scene], [claim]).all() for scene, claim in claims)
    generalised = [scene for scene, claim in claims if claim.kind == "digit"]
    assert generalised
    assert all(any(o.kind in DIGITS for o in scene.objects) for scene in generalised)
