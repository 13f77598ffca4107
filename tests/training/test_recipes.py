import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.claims import COUNTS, Claim, attribute_claims, truth_table, vocabulary
from seewhy.data.digits import CHANNELS, digit_indices, draw_digit
from seewhy.data.scenes import DIGITS
from seewhy.models.checkpoints import read_weights
from seewhy.models.embedded import EMBEDDED, build_clip, normalised_pixels
from seewhy.models.openclip_zoo import load_folder
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training import recipes
from seewhy.training.loop import Schedule
from seewhy.training.losses import grouped_loss, multi_positive_loss
from seewhy.training.recipes import (
    CONTEXT,
    RECIPES,
    SIDE,
    EncoderRecipe,
    Guide,
    claim_batch,
    claim_loss,
    model_config,
    train_encoder,
)

TINY = EncoderRecipe(
    name="tiny",
    vision={"layers": 1, "width": 16, "head_width": 8, "patch_size": 16, "image_size": SIDE},
    schedule=Schedule(steps=2),
    embed_dim=8,
    batch_size=6,
    compound_claims=4,
)
SINGLES = [claim for group in attribute_claims().values() for claim in group.values()]


def generator(*seed):
    return np.random.default_rng([*seed])


def pictures_of(recipe, chance, count=None):
    return [recipes._training_picture(recipe, chance) for _ in range(count or recipe.batch_size)]


def test_there_is_a_recipe_for_each_encoder_that_ships():
    assert set(RECIPES) == set(EMBEDDED)
    assert all(name == recipe.name for name, recipe in RECIPES.items())


def test_shipped_encoders_are_small_and_look_at_enough_places():
    sizes = []
    for recipe in RECIPES.values():
        config = model_config(recipe)
        with torch.device("meta"):
            module = build_clip(config["model_cfg"])
        sizes.append(2 * sum(weight.numel() for weight in module.parameters()))
        assert SIDE // recipe.vision.get("patch_size", 8) >= 8
        assert json.loads(json.dumps(config))["words"] == list(vocabulary())
    assert sum(sizes) <= 24 * 2**20


def test_a_batch_says_what_is_true_of_its_pictures():
    batch = claim_batch(TINY, generator(0, 1))
    pictures = pictures_of(TINY, generator(0, 1))
    assert_close(batch.pixels, normalised_pixels(np.stack([pixels for _, pixels in pictures])))
    assert len(batch.texts) == batch.is_true.shape[1] == len(SINGLES) + TINY.compound_claims
    expected = truth_table([scene for scene, _ in pictures], SINGLES)
    assert batch.is_true[:, : len(SINGLES)].tolist() == expected.tolist()


@given(seed=integers(0, 2**16))
@settings(max_examples=10)
def test_every_claim_of_several_attributes_is_true_of_some_picture_and_can_be_said(seed):
    recipe = replace(TINY, compound_claims=30)
    batch = claim_batch(recipe, generator(seed))
    assert batch.is_true[:, len(SINGLES) :].any(dim=0).all()
    ids = WordTokenizer(vocabulary(), CONTEXT)(list(batch.texts))
    assert (ids.max(dim=1).values == len(vocabulary()) + 2).all()


def test_batches_depend_on_the_generator_alone():
    first, again, other = (claim_batch(TINY, generator(seed)) for seed in (1, 1, 2))
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


def test_compound_claims_name_one_to_three_attributes_and_some_any_digit():
    scenes = [scene for scene, _ in pictures_of(TINY, generator(0), 200)]
    chance = generator(3)
    claims = [(scene, recipes._compound_claim(scene, chance)) for scene in scenes]
    named = [sum(a != b for a, b in zip(vars(c).values(), vars(Claim()).values(), strict=True))
             for _, c in claims]  # fmt: skip
    assert set(named) <= {0, 1, 2, 3, 4}
    assert np.mean(named) > 1.5
    assert all(truth_table([scene], [claim]).all() for scene, claim in claims)
    generalised = [scene for scene, claim in claims if claim.kind == "digit"]
    assert generalised
    assert all(any(o.kind in DIGITS for o in scene.objects) for scene in generalised)


def test_the_loss_is_the_sum_of_its_three_parts():
    chance = torch.Generator().manual_seed(0)
    images, texts, anchors = (
        functional.normalize(torch.randn(count, 8, generator=chance), dim=1)
        for count in (5, len(SINGLES) + 3, len(SINGLES))
    )
    is_true = torch.rand(5, len(texts), generator=chance) < 0.3
    logits, guided = 10 * images @ texts.T, 10 * images @ anchors.T
    sizes = [len(group) for group in attribute_claims().values()]
    singles = is_true[:, : len(SINGLES)]
    expected = (
        multi_positive_loss(logits, is_true)
        + grouped_loss(logits[:, : len(SINGLES)], singles, sizes)
        + grouped_loss(guided, singles, sizes)
    )
    loss = claim_loss(images, texts, scale=torch.tensor(10.0), anchors=3 * anchors, is_true=is_true)
    assert_close(loss, expected)


def test_anchors_depend_on_the_seed_and_are_one_for_each_value():
    first, again, other = (Guide(torch.nn.Identity(), 8, seed=seed) for seed in (1, 1, 2))
    assert first.anchors.shape == (len(SINGLES), 8)
    assert torch.equal(first.anchors, again.anchors)
    assert not torch.equal(first.anchors, other.anchors)


@pytest.fixture
def tiny_preset(monkeypatch):
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(recipes, "HELD_OUT_IMAGES", 10)


def trained(folder, seed, **settings):
    return read_weights(train_encoder("tiny", folder, seed=seed, **settings) / "model.safetensors")


def test_training_writes_an_encoder_that_can_be_loaded(tmp_path, tiny_preset):
    folder = train_encoder("tiny", tmp_path / "out", seed=3)
    files = {file.name for file in folder.iterdir()}
    assert files == {"open_clip_config.json", "model.safetensors", "card.md", "training.csv"}
    encoder = load_folder(folder)
    assert encoder.tokenizer.words == vocabulary()
    texts = encoder.encode_texts(["a red circle", "a photo of a digit with the value 5"])
    assert_close(texts.norm(dim=1), torch.ones(2))
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "- command: seewhy train encoder --preset tiny --seed 3\n- steps: 2\n" in card
    assert f"- parameters: {sum(p.numel() for p in encoder.module.parameters()):,}\n" in card
    assert not any("anchors" in name for name in encoder.module.state_dict())


def test_the_weights_depend_on_the_seed_alone(tmp_path, tiny_preset):
    state = torch.get_rng_state()
    first, again, other = (
        trained(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_training_moves_every_weight_that_takes_part(tmp_path, tiny_preset):
    after = trained(tmp_path, 0, steps=3)
    before = build_clip(model_config(TINY)["model_cfg"], seed=0).half().state_dict()
    unmoved = {name for name in after if torch.equal(after[name], before[name])}
    assert len(unmoved) < len(after) / 4
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "- steps: 3\n" in card
    assert "--preset tiny --steps 3 --seed 0" in card


def test_training_lowers_the_loss(tmp_path, tiny_preset, monkeypatch):
    losses = []
    monkeypatch.setattr(
        recipes.TrainingLog, "after_step", lambda _log, _step, loss: losses.append(loss)
    )
    monkeypatch.setitem(RECIPES, "tiny", replace(TINY, schedule=Schedule(25, learning_rate=3e-3)))
    train_encoder("tiny", tmp_path)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.2


def test_an_unknown_preset_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no preset 'clip'; there are clip-resnet, clip-vit"):
        train_encoder("clip", tmp_path)
    assert not list(tmp_path.iterdir())
