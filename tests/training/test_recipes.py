import json

import torch

from seewhy.data.claims import vocabulary
from seewhy.models.embedded import EMBEDDED, build_clip
from seewhy.training.recipes import RECIPES, model_config


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
        assert recipe.side // recipe.vision.get("patch_size", 8) >= 8
        assert json.loads(json.dumps(config))["words"] == list(vocabulary())
    assert sum(sizes) <= 24 * 2**20
