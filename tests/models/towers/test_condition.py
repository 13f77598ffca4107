"""Weights that cannot be read and modes that make results random are refused."""

import warnings

import pytest
import torch
from tests.models.towers.small import noise, small
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import embed_at, image_tower
from seewhy.models.towers.condition import refuse_training

every_family = pytest.mark.parametrize("kind", ["plain", "token", "siglip"])


@every_family
def test_weights_that_are_not_there_are_asked_for(kind):
    model = small(kind)
    model.module.to("meta")
    with pytest.raises(UsageError, match=r"on the meta device\. Load them first.*to_empty"):
        image_tower(model)


def quantised(model):
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = quantize_dynamic(model.module, {nn.Linear}, dtype=torch.qint8)
    return OpenClipEncoder(
        module, preprocess=model.preprocessing, tokenizer=model.tokenizer, name=model.name
    )


@pytest.mark.parametrize("kind", ["token", "siglip"])
def test_quantised_projections_are_refused(kind):
    with pytest.raises(
        UsageError, match=r"has a Linear \(quantised or wrapped\?\)|in its attention"
    ):
        image_tower(quantised(small(kind)))


def test_other_quantised_layers_are_only_passed_through():
    model = quantised(small("plain"))
    tower = image_tower(model)
    with torch.no_grad():
        found = embed_at(tower, noise(1, 3, 32, 32), tower.positions.table)
        assert torch.equal(found, model.module.encode_image(noise(1, 3, 32, 32)))


def test_whole_numbers_as_weights_are_refused():
    model = small("plain")
    proj = model.module.visual.proj
    model.module.visual.proj = nn.Parameter(proj.detach().to(torch.int8), requires_grad=False)
    with pytest.raises(UsageError, match=r"is quantised: proj is torch\.int8\. Load it in float32"):
        image_tower(model)


@pytest.mark.parametrize(
    ("kind", "settings", "where"),
    [
        ("plain", {"patch_dropout": 0.5}, "patch_dropout"),
        ("token", {"patch_drop_rate": 0.5}, "trunk.patch_drop"),
        ("token", {"pos_drop_rate": 0.5}, "trunk.pos_drop"),
        ("token", {"attn_drop_rate": 0.5}, "trunk.blocks.0.attn.attn_drop"),
        ("token", {"proj_drop_rate": 0.5}, "trunk.blocks.0.attn.proj_drop"),
        ("token", {"drop_path_rate": 0.5}, "trunk.blocks.1.drop_path1"),
        ("siglip", {"drop_rate": 0.5}, "trunk.head_drop"),
    ],
)
def test_what_is_random_in_training_is_named(kind, settings, where):
    model = small(kind, **settings)
    refuse_training(image_tower(model))
    model.module.train()
    with pytest.raises(UsageError, match=f"where its {where} .*Put it in evaluation mode"):
        refuse_training(image_tower(model))


def test_dropout_inside_torch_s_own_attention_is_found():
    model = small("plain")
    model.module.visual.transformer.resblocks[2].attn.dropout = 0.1
    refuse_training(image_tower(model))
    model.module.train()
    with pytest.raises(UsageError, match=r"where its transformer\.resblocks\.2\.attn \(Multi"):
        refuse_training(image_tower(model))


@every_family
def test_training_without_chance_is_no_obstacle(kind):
    model = small(kind)
    model.module.train()
    refuse_training(image_tower(model))


def test_batch_norm_in_training_lets_images_change_each_other():
    model = tiny_dual_encoder("resnet")
    refuse_training(image_tower(model))
    model.module.train()
    with pytest.raises(UsageError, match=r"bn1 \(BatchNorm2d\) makes results depend on"):
        refuse_training(image_tower(model))
