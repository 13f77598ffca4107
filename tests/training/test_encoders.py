import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.training.examples import TINY
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.claims import attribute_claims, vocabulary
from seewhy.models.checkpoints import read_weights
from seewhy.models.embedded import build_clip
from seewhy.models.openclip_zoo import load_folder
from seewhy.training import encoders
from seewhy.training.encoders import Guide, claim_loss, train_encoder
from seewhy.training.loop import Schedule
from seewhy.training.losses import grouped_loss, multi_positive_loss
from seewhy.training.recipes import RECIPES, SIDE, Stage, model_config

SINGLES = [claim for group in attribute_claims().values() for claim in group.values()]


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
    loss = claim_loss(
        images, texts, scale=torch.tensor(10.0), anchors=3 * anchors, is_true=is_true, recipe=TINY
    )
    assert_close(loss, expected)


def test_anchors_depend_on_the_seed_and_are_one_for_each_value():
    first, again, other = (Guide(torch.nn.Identity(), TINY, seed=seed) for seed in (1, 1, 2))
    assert first.anchors.shape == (len(SINGLES), 8)
    assert torch.equal(first.anchors, again.anchors)
    assert not torch.equal(first.anchors, other.anchors)


@pytest.fixture
def tiny_preset(monkeypatch):
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(encoders, "HELD_OUT_IMAGES", 10)


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
    assert "- command: seewhy train encoder --preset tiny --seed 3\n- steps: 2 of 6 images" in card
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
    assert "- steps: 3 of 6 images of 64 pixels a side\n" in card
    assert "--preset tiny --steps 3 --seed 0" in card


def test_training_lowers_the_loss(tmp_path, tiny_preset, monkeypatch):
    losses = []
    monkeypatch.setattr(
        encoders.TrainingLog, "after_step", lambda _log, _step, loss: losses.append(loss)
    )
    monkeypatch.setitem(
        RECIPES, "tiny", replace(TINY, stages=(Stage(SIDE, Schedule(25, learning_rate=3e-3)),))
    )
    train_encoder("tiny", tmp_path)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.2


def test_a_second_stage_goes_on_at_a_finer_grid(tmp_path, monkeypatch):
    stages = (
        Stage(SIDE, Schedule(2), batch_size=4),
        Stage(2 * SIDE, Schedule(1, matrix_rate=0.01), batch_size=2),
    )
    seen = []
    batch = encoders.claim_batch
    monkeypatch.setattr(
        encoders,
        "claim_batch",
        lambda recipe, stage, chance: seen.append(stage.side) or batch(recipe, stage, chance),
    )
    monkeypatch.setitem(RECIPES, "tiny", replace(TINY, stages=stages))
    encoder = load_folder(train_encoder("tiny", tmp_path))
    assert seen == [64, 64, 128]
    assert encoder.module.visual.grid_size == (8, 8)
    assert encoder.preprocessing.size == 128
    assert (
        "2 of 4 images of 64 pixels a side, then 1 of 2 images of 128"
        in (tmp_path / "card.md").read_text()
    )


def test_a_grown_encoder_sees_an_enlarged_image_as_it_saw_the_small_one():
    small, large = Stage(SIDE, Schedule(1)), Stage(2 * SIDE, Schedule(1))
    guide = Guide(encoders._module(TINY, small, start=None, seed=3), TINY, seed=0)
    first = guide.encoder.visual
    encoders._adapt(guide, TINY, small)
    before = guide.encoder.visual
    assert torch.equal(before.positional_embedding, first.positional_embedding)
    encoders._adapt(guide, TINY, large)
    after = guide.encoder.visual
    assert after.grid_size == (8, 8)
    assert torch.equal(after.conv1.weight, before.conv1.weight)
    table = after.positional_embedding
    assert torch.equal(table[0], before.positional_embedding[0])
    corners = table[1:].reshape(8, 8, -1)[[0, 0, 7, 7], [0, 7, 0, 7]]
    native = before.positional_embedding[1:].reshape(4, 4, -1)[[0, 0, 3, 3], [0, 3, 0, 3]]
    assert_close(corners, native)


def test_what_a_stage_leaves_out_is_left_out_in_training_and_nowhere_else(
    tmp_path, tiny_preset, monkeypatch
):
    stage = replace(TINY.stages[0], patch_dropout=0.5)
    monkeypatch.setitem(RECIPES, "tiny", replace(TINY, stages=(stage,)))
    seen = []
    read = nn.MultiheadAttention.forward
    monkeypatch.setattr(
        nn.MultiheadAttention,
        "forward",
        lambda self, query, *rest, **more: (
            seen.append((self.embed_dim, query.shape[1])),
            read(self, query, *rest, **more),
        )[1],
    )
    torch.rand(3)
    state = torch.get_rng_state()
    first = trained(tmp_path / "a", 1)
    in_training = {tokens for width, tokens in seen if width == TINY.vision["width"]}
    assert {1 + 8, 1 + 16} <= in_training
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(5)
    again = trained(tmp_path / "b", 1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    config = json.loads((tmp_path / "a" / "open_clip_config.json").read_text())
    assert "patch_dropout" not in config["model_cfg"]["vision_cfg"]
    assert "50% of patches left out" in (tmp_path / "a" / "card.md").read_text()


@pytest.mark.parametrize(("steps", "counts"), [(30, (20, 10)), (4, (2, 2)), (1, (1,))])
def test_fewer_steps_are_shared_out_among_the_stages(steps, counts):
    stages = (Stage(SIDE, Schedule(200)), Stage(2 * SIDE, Schedule(100)))
    shortened = encoders._shortened(stages, steps)
    assert tuple(stage.schedule.steps for stage in shortened) == counts


def test_training_further_takes_half_the_rates_of_the_last_stage():
    stage = encoders._gentle(Stage(SIDE, Schedule(9, learning_rate=1e-3, matrix_rate=0.02)))
    assert stage.schedule == Schedule(9, learning_rate=5e-4, matrix_rate=0.01)


def test_an_unknown_preset_is_refused(tmp_path):
    with pytest.raises(
        UsageError, match="no preset 'clip'; there are clip-resnet, clip-vit, clip-objects"
    ):
        train_encoder("clip", tmp_path)
    assert not list(tmp_path.iterdir())
