import csv

import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights
from seewhy.models.load_images import load_image_encoder
from seewhy.models.ssl.folder import load_folder
from seewhy.models.ssl.small import SmallConfig, small_encoder
from seewhy.training import image_cards, image_encoders
from seewhy.training.image_cards import pair_scores
from seewhy.training.image_encoders import train_image_encoder, varied
from seewhy.training.image_recipes import (
    IMAGE_RECIPES,
    PREPROCESSING,
    ImageRecipe,
    find_image_recipe,
)
from seewhy.training.loop import Schedule
from seewhy.training.pair_losses import contrastive_loss

TINY = ImageRecipe(
    loss=contrastive_loss,
    schedule=Schedule(4),
    architecture=SmallConfig(channels=(4, 4, 8), strides=(2, 2), head=(8, 6)),
    pairs=6,
    kept=2,
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(IMAGE_RECIPES, "simclr", TINY)
    monkeypatch.setattr(image_cards, "HELD_OUT_PAIRS", 8)
    monkeypatch.setattr(image_encoders, "_LOG_EVERY", 2)


def test_training_writes_a_folder_that_loads(tmp_path, tiny):
    state = torch.get_rng_state()
    folder = train_image_encoder("simclr", tmp_path / "out", seed=3)
    assert torch.equal(state, torch.get_rng_state())
    files = {file.name for file in folder.iterdir()}
    assert files == {"image_encoder.json", "model.safetensors", "card.md", "training.csv"}
    encoder = load_image_encoder(f"ssl-dir:{folder}")
    assert encoder.preprocessing == PREPROCESSING
    untrained = small_encoder(TINY.architecture, seed=3)
    assert not torch.equal(encoder.module.features[0].weight, untrained.features[0].weight)
    with (folder / "training.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["step", "2", "4"]
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "- command: seewhy train ssl --method simclr --seed 3\n- steps: 4 of 6 pairs" in card
    assert f"- parameters: {sum(p.numel() for p in encoder.module.parameters()):,} (" in card


def test_the_weights_depend_on_the_seed_alone(tmp_path, tiny):
    first, again, other = (
        read_weights(
            train_image_encoder("simclr", tmp_path / str(number), seed=seed, steps=2)
            / "model.safetensors"
        )
        for number, seed in enumerate((1, 1, 2))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_pictures_are_varied_in_groups_of_their_own():
    numbers = iter(range(10))
    found = varied(torch.zeros(30, 3, 2, 2), lambda group: group + next(numbers))
    assert found[:, 0, 0, 0].tolist() == [0.0] * 24 + [1.0] * 6


def test_company_comes_when_objects_are_known():
    recipe = find_image_recipe("simclr")
    steps = recipe.schedule.steps
    shares = [recipe.company_at(round(share * steps)) for share in (0, 0.2, 0.35, 0.5, 1)]
    assert_close(shares, [0.0, 0.0, recipe.company / 2, recipe.company, recipe.company])
    bare = [recipe.bare_at(round(share * steps)) for share in (0, 0.05, 0.175, 0.3, 1)]
    assert_close(bare, [1.0, 1.0, 0.5, 0.0, 0.0])


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError, match="no method 'byol'; there are simclr, barlow"):
        find_image_recipe("byol")


class _Known(torch.nn.Module):
    """Embeds the first picture of each pair like the second, in an order of its own."""

    def __init__(self, order):
        super().__init__()
        self.order = order
        self.calls = 0

    def forward(self, pictures):
        self.calls += 1
        rows = torch.eye(len(pictures))
        return rows if self.calls == 1 else rows[self.order]


@pytest.mark.parametrize(("order", "found"), [([0, 1, 2, 3], 1.0), ([1, 0, 2, 3], 0.5)])
def test_scores_count_partners_that_are_the_most_similar(order, found):
    scores = pair_scores(_Known(order), pairs=4)
    assert scores.found == found
    assert scores.similarity == found
    assert_close(scores.elsewhere, (4 - 4 * found) / 12)


def test_recipes_are_small_enough_to_ship():
    sizes = [
        sum(weight.numel() for weight in small_encoder(recipe.architecture).parameters())
        for recipe in IMAGE_RECIPES.values()
    ]
    assert 2 * sum(sizes) <= 4 * 2**20


def test_a_folder_without_weights_that_fit_is_refused(tmp_path, tiny):
    folder = train_image_encoder("simclr", tmp_path, steps=1)
    text = (folder / "image_encoder.json").read_text(encoding="utf-8")
    (folder / "image_encoder.json").write_text(text.replace("6\n", "7\n"), encoding="utf-8")
    with pytest.raises(UsageError, match="does not fit PooledEncoder"):
        load_folder(folder)
