"""Architectures of torchvision and timm: their own preprocessing, classes and weights."""

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models import classifier_zoo
from seewhy.models.checkpoints import weights_hash
from seewhy.models.classifier_zoo import architecture, published_file, seeded, trained
from seewhy.models.classifiers import Classifier
from seewhy.models.names import ModelName
from seewhy.models.preprocessing import Preprocessing
from seewhy.taps.capture import capture

IMAGE = Image.radial_gradient("L").convert("RGB").resize((300, 260))
PIXELS = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def known(text):
    return architecture(ModelName.parse(text))


@pytest.mark.parametrize(
    ("name", "convolutions"),
    [
        ("torchvision:resnet18", 20),
        ("torchvision:densenet121", 120),
        ("torchvision:efficientnet_b0", 49),
        ("torchvision:convnext_tiny", 22),
        ("torchvision:mobilenet_v2", 52),
        ("timm:resnet18", 20),
        ("timm:efficientnet_b0", 49),
        ("timm:convnext_atto", 40),
        ("timm:mobilenetv3_small_050", 35),
        ("timm:densenet121", 120),
    ],
)
def test_every_convolution_of_the_common_families_is_a_site(name, convolutions):
    module = seeded(known(name), 3, seed=0)
    model = Classifier(module, preprocess=Preprocessing(64), classes=["a", "b", "c"])
    names = [site.name for site in model.sites()]
    assert len(names) == convolutions
    with capture(module, names) as outputs:
        model.logits(PIXELS)
    assert list(outputs) == names


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_relu_in_place_after_a_convolution_of_vgg_does_no_harm(batch_norm):
    """VGG's own features with a small head: its full head alone holds 119 million numbers."""
    from torchvision.models.vgg import cfgs, make_layers

    features = make_layers(cfgs["A"], batch_norm=batch_norm)
    module = torch.nn.Sequential(features, torch.nn.Flatten(), torch.nn.Linear(512 * 4, 2))
    model = Classifier(module, preprocess=Preprocessing(64), classes=["a", "b"])
    names = [site.name for site in model.sites()]
    assert len(names) == 8
    with capture(module, names) as outputs:
        model.logits(PIXELS)
    assert all(output.min() < 0 for output in outputs.values())
    with torch.no_grad():
        assert_close(outputs["0.0"], features[0](PIXELS))


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "efficientnet_b0", "convnext_tiny"])
def test_preprocessing_and_classes_are_those_of_torchvisions_weights(name):
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).DEFAULT
    found = known(f"torchvision:{name}")
    assert_close(found.preprocessing(IMAGE), weights.transforms()(IMAGE), atol=1e-6, rtol=0)
    assert len(found.classes) == len(set(found.classes)) == 1000
    assert found.classes[0] == "tench"
    assert found.published.url == weights.url


def test_other_weights_of_torchvision_bring_their_own_preprocessing():
    first, second = (known(f"torchvision:resnet50/IMAGENET1K_V{n}") for n in (1, 2))
    assert (first.preprocessing.resize_to, second.preprocessing.resize_to) == (256, 232)
    assert first.published.url != second.published.url
    assert first.published.name == "torchvision:resnet50/IMAGENET1K_V1"


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "vit_base_patch16_siglip_224.webli", "vgg11"])
def test_preprocessing_is_that_of_timms_weights(name):
    import timm

    config = timm.get_pretrained_cfg(name)
    theirs = timm.data.create_transform(
        **timm.data.resolve_data_config(pretrained_cfg=config.to_dict()), is_training=False
    )
    found = known(f"timm:{name}")
    assert_close(found.preprocessing(IMAGE), theirs(IMAGE), atol=1e-6, rtol=0)
    assert found.published.repository == config.hf_hub_id


def test_classes_are_named_where_the_weights_know_imagenet():
    classes = known("timm:resnet18.a1_in1k").classes
    assert classes[0].startswith("tench")
    assert len(set(classes)) == 1000
    assert known("timm:vit_base_patch16_siglip_224.webli").classes is None


def test_label_names_of_timm_are_taken_over(monkeypatch):
    settings = {"label_names": ("cat", "dog", "cat"), "num_classes": 3}
    assert classifier_zoo._timm_classes(settings) == ("cat (0)", "dog", "cat (2)")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision:resnt50", r"Nearest: resnet50.*It has \d+"),
        ("torchvision:resnet50/IMAGENET1K_V3", "There are: IMAGENET1K_V1, IMAGENET1K_V2"),
        ("timm:resnt50", "Nearest: .*resnet50"),
        ("timm:resnet18.foo_in1k", "Nearest: resnet18"),
        ("timm:resnet18/a1_in1k", r"after a dot: timm:resnet18\.a1_in1k"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name, message):
    with pytest.raises(UsageError, match=message):
        known(name)


def test_networks_for_other_than_three_channels_are_refused():
    with pytest.raises(UsageError, match="takes 1 channels"):
        classifier_zoo._timm_preprocessing(
            {"input_size": (1, 28, 28)}, ModelName.parse("timm:resnet18")
        )


def test_oblong_inputs_keep_their_shape():
    found = classifier_zoo._timm_preprocessing(
        {"input_size": (3, 32, 64), "crop_pct": 0.5}, ModelName.parse("timm:resnet18")
    )
    assert (found.size, found.resize_to) == ((32, 64), (64, 128))


def test_networks_that_warn_about_their_beginnings_are_built_quietly():
    assert seeded(known("torchvision:googlenet"), 3, seed=0)(PIXELS).logits.shape == (2, 3)


def test_seeds_decide_and_the_world_stays():
    found, state = known("timm:test_resnet"), torch.get_rng_state()
    hashes = [weights_hash(seeded(found, None, seed=seed)) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("rows", [7, 1000])
def test_the_file_says_how_many_classes_there_are(tmp_path, rows):
    found = known("timm:test_resnet")
    module = seeded(found, rows, seed=5)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    read = trained(found, tmp_path / "w.safetensors", classes=None, source="w")
    assert weights_hash(read) == weights_hash(module)


def test_a_file_that_differs_in_more_than_the_head_is_refused(tmp_path):
    found = known("timm:test_resnet")
    weights = seeded(found, 7, seed=0).state_dict()
    weights["extra"] = torch.ones(1)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UsageError, match="1 extra: extra"):
        trained(found, tmp_path / "w.safetensors", classes=None, source="w")


def test_more_names_than_rows_are_refused(tmp_path):
    found = known("timm:test_resnet")
    save_file(seeded(found, 7, seed=0).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UsageError, match="misshaped"):
        trained(found, tmp_path / "w.safetensors", classes=["a", "b"], source="w")


def test_published_weights_are_not_fetched_without_permission(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UsageError, match=r"download\.pytorch\.org"):
        published_file(known("torchvision:resnet18"), allow_download=False)
