import pytest
import torch
from PIL import Image
from tests.models.narration.toys import stored, stored_part
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.narration.config import EncoderTowerConfig
from seewhy.models.narration.encoder_towers import (
    EncoderTower,
    encoder_preprocessing,
    load_encoder_tower,
)
from seewhy.models.preprocessing import Preprocessing

SHIPPED = ["embedded:clip-vit", "embedded:clip-resnet", "embedded:ssl-simclr"]


def tower_of(module, side, **more):
    encoder = ImageEncoder(module.eval(), preprocess=Preprocessing(side), **more)
    return EncoderTower(encoder)


def pixels_for(side, count=2):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(6))


def test_tokens_of_the_stored_clip_tower_are_those_of_the_published_encoder():
    from open_clip.model import CLIPVisionCfg, _build_vision_tower

    side, patch, width, layers, heads = stored()["vit_config"].tolist()
    sizes = CLIPVisionCfg(
        layers=layers, width=width, head_width=width // heads, patch_size=patch, image_size=side
    )
    visual = _build_vision_tower(16, sizes, quick_gelu=True)
    visual.load_state_dict(stored_part("vit."))
    tower = tower_of(visual, side)
    found = tower(stored()["vit_images"])
    torch.testing.assert_close(found, stored()["vit_patch_features"], atol=1e-4, rtol=0)
    assert tower.width == width
    assert tower.grid(side, 2 * side) == (side // patch, 2 * side // patch)


def test_tokens_of_timm_and_torchvision_are_those_before_their_heads():
    from timm.models.vision_transformer import VisionTransformer as Timm
    from torchvision.models import VisionTransformer as Torchvision

    sizes = {"num_heads": 2, "num_classes": 3}
    for pooled in ("token", "avg"):
        module = Timm(
            32, 8, embed_dim=16, depth=2, reg_tokens=1, global_pool=pooled, **sizes
        ).eval()
        tower = tower_of(module, 32)
        tokens = tower(pixels_for(32))
        with torch.no_grad():
            wanted = module.forward_features(pixels_for(32))[:, 2:]
            if pooled == "avg":
                wanted = module.fc_norm(wanted)
        torch.testing.assert_close(tokens, wanted)
        assert (tower.width, tower.grid(32, 32)) == (16, (4, 4))
    module = Torchvision(32, 8, 2, 2, 16, 32, num_classes=3).eval()
    tower = tower_of(module, 32)
    class_token = module.heads(tower._output(pixels_for(32))[:, 0])
    torch.testing.assert_close(class_token, module(pixels_for(32)))
    assert tower(pixels_for(32)).shape == (2, 16, 16)


def test_maps_are_read_row_by_row():
    module = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten())
    tower = tower_of(module, 8, site="1")
    found = tower(pixels_for(8))
    maps = module[:2](pixels_for(8))
    assert tower.grid(8, 8) == (4, 4)
    for row in range(4):
        for col in range(4):
            torch.testing.assert_close(found[:, 4 * row + col], maps[:, :, row, col])
    assert found.is_contiguous()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_encoders_give_a_token_per_place(name):
    tower = load_encoder_tower(EncoderTowerConfig(name=name))
    preprocessing = encoder_preprocessing(name)
    assert preprocessing.resize == "squash"
    pixels = preprocessing(Image.new("RGB", (90, 40), "red"))[None]
    tokens = tower(pixels)
    rows, cols = tower.grid(*pixels.shape[2:])
    assert tokens.shape == (1, rows * cols, tower.width)
    assert rows == cols > 1


def test_a_frozen_tower_learns_nothing_but_lets_gradients_through():
    config = EncoderTowerConfig(name="embedded:ssl-simclr")
    tower = load_encoder_tower(config)
    before = tower.digest
    tower.train()
    assert not any(child.training for child in tower.modules())
    pixels = pixels_for(64).requires_grad_()
    tower(pixels).sum().backward()
    assert pixels.grad is not None
    assert all(each.grad is None for each in tower.parameters())
    assert tower.digest == before
    trained = load_encoder_tower(config.model_copy(update={"is_frozen": False}))
    assert all(child.training for child in trained.modules())
    assert all(each.requires_grad for each in trained.parameters())


def test_another_encoder_is_refused():
    config = EncoderTowerConfig(name="embedded:ssl-simclr", width=7)
    with pytest.raises(UsageError, match="128 channels, not 7"):
        load_encoder_tower(config)
    config = EncoderTowerConfig(name="embedded:ssl-simclr", weights="abcdef")
    with pytest.raises(UsageError, match="digest begins with abcdef"):
        load_encoder_tower(config)
    flat = ImageEncoder(nn.Sequential(nn.Flatten()), preprocess=Preprocessing(8), name="flat")
    with pytest.raises(UsageError, match="flat gives neither patch tokens nor maps"):
        EncoderTower(flat)
