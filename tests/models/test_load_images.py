import pytest
import torch
from PIL import Image
from tests.models.ssl.test_families import prefixed, saved, small_resnet
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.guard import differentiation, inference
from seewhy.models.load import load_dual_encoder, load_model
from seewhy.models.load_images import load_image_encoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.folder import save_folder
from seewhy.models.ssl.small import SmallConfig, small_encoder


def picture():
    return Image.linear_gradient("L").convert("RGB")


def embedding(encoder):
    with inference(encoder.module):
        return encoder.embed(encoder.preprocess(picture())[None])


def maps(encoder):
    with differentiation(encoder.module):
        mapped = encoder.embed_maps(encoder.preprocess(picture())[None])
        (gradient,) = torch.autograd.grad(mapped.embeddings.square().sum(), mapped.source)
    return mapped.maps(mapped.source), mapped.maps(gradient)


@pytest.mark.parametrize("name", ["embedded:clip-resnet", "embedded:clip-vit"])
def test_an_image_tower_embeds_as_its_dual_encoder_does(name):
    dual, encoder = load_dual_encoder(name), load_image_encoder(name)
    unit = nn.functional.normalize(embedding(encoder), dim=1)
    assert_close(unit, dual.encode_images(dual.preprocess(picture())[None]))
    assert encoder.name == name
    found, gradient = maps(encoder)
    side = {"embedded:clip-resnet": 2, "embedded:clip-vit": 8}[name]
    assert found.shape[2:] == (side, side)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["embedded:clip-resnet", "embedded:clip-vit"])
def test_features_are_what_the_projection_reads(name):
    visual = load_dual_encoder(name).module.visual
    found = embedding(load_image_encoder(name, compared="features"))
    joint = embedding(load_image_encoder(name))
    if name.endswith("vit"):
        assert_close(found @ visual.proj.detach(), joint)
    else:
        last = maps(load_image_encoder(name))[0]
        assert_close(found, last.mean(dim=(2, 3)))


ZOO = [
    ("torchvision:resnet18", 512, (7, 7)),
    ("torchvision:vit_b_32", 768, (7, 7)),
    ("torchvision:densenet121", 1024, (7, 7)),
    ("torchvision:swin_t", 768, (7, 7)),
    ("timm:resnet18", 512, (7, 7)),
    ("timm:vit_tiny_patch16_224", 192, (14, 14)),
    ("timm:convnext_atto", 320, (7, 7)),
]


@pytest.mark.parametrize(("name", "width", "grid"), ZOO)
def test_a_classifier_gives_its_pooled_features_and_their_maps(name, width, grid):
    encoder = load_image_encoder(f"{name}/random-weights", seed=1)
    assert "untrained" in encoder.notes[0]
    found, gradient = maps(encoder)
    assert found.shape == (1, width, *grid)
    assert gradient.abs().sum() > 0
    assert embedding(encoder).shape == (1, width)


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18"])
def test_scores_are_compared_where_they_are_asked_for(name):
    scores = load_model(f"{name}/random-weights", seed=1)
    encoder = load_image_encoder(f"{name}/random-weights", seed=1, compared="head")
    pixels = encoder.preprocess(picture())[None]
    assert_close(embedding(encoder), scores.logits(pixels))
    features = embedding(load_image_encoder(f"{name}/random-weights", seed=1)).clone()
    assert_close(scores.module.fc(features), scores.logits(pixels), atol=1e-4, rtol=1e-4)


def test_the_seed_decides_untrained_weights():
    first, again, other = (
        embedding(load_image_encoder("torchvision:resnet18/random-weights", seed=seed))
        for seed in (1, 1, 2)
    )
    assert_close(first, again, atol=0, rtol=0)
    assert not torch.equal(first, other)


def test_a_checkpoint_is_compared_by_its_head_or_by_its_features(tmp_path):
    network = small_resnet(0, num_classes=16)
    path = saved(tmp_path, {"state_dict": prefixed("module.encoder_q.", network)})
    encoder = load_image_encoder(f"ssl:moco@{path}")
    features = load_image_encoder(f"ssl:moco@{path}", compared="features")
    with torch.inference_mode():
        assert_close(embedding(encoder), network(encoder.preprocess(picture())[None]))
        assert_close(network.fc(embedding(features)), embedding(encoder))
    assert encoder.name == f"ssl:moco@{path}"
    found, _ = maps(features)
    assert_close(found.mean(dim=(2, 3)), embedding(features))


def test_a_folder_gives_back_the_encoder_that_was_saved(tmp_path):
    config = SmallConfig(channels=(8, 8, 16), strides=(2, 2), head=(12, 6))
    preprocessing = Preprocessing(64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    module = small_encoder(config, seed=3).eval()
    save_folder(tmp_path / "new", module, config, preprocessing=preprocessing)
    encoder = load_image_encoder(f"ssl-dir:{tmp_path / 'new'}")
    assert encoder.preprocessing == preprocessing
    module.half().float()
    with torch.inference_mode():
        assert_close(embedding(encoder), module(preprocessing(picture())[None]))
    assert maps(encoder)[0].shape == (1, 16, 8, 8)


def test_what_cannot_be_loaded_is_refused(tmp_path):
    for name, message in (
        ("ssl:simclr_v2", "names no file. Write ssl:FAMILY@PATH"),
        ("ssl:dinno@x.pth", "no self-supervised family 'dinno'. Nearest: dino"),
        ("ssl:dino@nowhere.pth", "no weights file nowhere.pth"),
        (f"ssl-dir:{tmp_path}", "holds no image_encoder.json"),
        ("embedded:ssl", "load_image_encoder"),
        ("sssl:x", "no model family in 'sssl:x'. Nearest: ssl"),
    ):
        with pytest.raises(UsageError, match=message):
            load_image_encoder(name)
    (tmp_path / "image_encoder.json").write_text('{"architecture": {}}', encoding="utf-8")
    with pytest.raises(UsageError, match="is no configuration of an image encoder"):
        load_image_encoder(f"ssl-dir:{tmp_path}")
    for name in ("ssl:dino@x.pth", "ssl-dir:x"):
        with pytest.raises(UsageError, match="knows no texts and no classes"):
            load_model(name)
