"""Every kind of name gives its model, on the device asked for, with the notes it deserves."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seewhy.base.errors import UsageError
from seewhy.models import load as loading
from seewhy.models.checkpoints import weights_hash
from seewhy.models.classifier_folder import save_classifier
from seewhy.models.classifier_zoo import architecture, seeded
from seewhy.models.classifiers import Classifier
from seewhy.models.load import load_model
from seewhy.models.names import ModelName
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import tiny_dual_encoder

ARCH = "timm:test_resnet"


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(seeded(architecture(ModelName.parse(ARCH)), 3, seed=9).state_dict(), path)
    return path


@pytest.mark.parametrize("pattern", [ARCH + "@{}", "file:{}?arch=" + ARCH])
def test_a_file_with_its_architecture(weights, pattern):
    model = load_model(pattern.format(weights), classes=["a", "b", "c"])
    assert model.classes == ("a", "b", "c")
    assert model.name == f"{ARCH}@{weights}"
    assert model.notes == ()
    assert not model.module.training
    wanted = seeded(architecture(ModelName.parse(ARCH)), 3, seed=9)
    assert weights_hash(model.module) == weights_hash(wanted)
    assert load_model(pattern.format(weights)).classes == ("class 0", "class 1", "class 2")


def test_random_weights_are_noted_and_seeded():
    one, same, other = (load_model(f"{ARCH}/random-weights", seed=seed) for seed in (4, 4, 5))
    assert weights_hash(one.module) == weights_hash(same.module) != weights_hash(other.module)
    assert one.notes == ("untrained: random weights of seed 4",)
    assert one.name == f"{ARCH}/random-weights"
    assert len(one.classes) == 1000
    named = load_model(f"{ARCH}/random-weights", classes=["a", "b"])
    assert named.classes == ("a", "b")


def test_published_weights_bring_their_class_names(tmp_path, monkeypatch):
    name = "torchvision:mobilenet_v3_small"
    path = tmp_path / "w.safetensors"
    save_file(seeded(architecture(ModelName.parse(name)), None, seed=0).state_dict(), path)
    monkeypatch.setattr(loading, "published_file", lambda *_, **__: path)
    model = load_model(name)
    assert model.classes[0] == "tench"
    assert model.name == f"{name}/IMAGENET1K_V1"
    assert load_model(f"{name}@{path}").classes[0] == "class 0"
    assert load_model(name, classes=[f"c{n}" for n in range(1000)]).classes[0] == "c0"


def test_published_weights_are_not_fetched_unasked(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UsageError, match=r"allow_download=True.*random-weights"):
        load_model("torchvision:resnet50")


def test_a_classifier_folder_may_get_other_names(tmp_path):
    module = seeded(architecture(ModelName.parse(ARCH)), 2, seed=0)
    saved = Classifier(module, preprocess=Preprocessing(32), classes=["five", "eight"])
    save_classifier(saved, tmp_path, arch=ARCH)
    assert load_model(f"classifier-dir:{tmp_path}").classes == ("five", "eight")
    renamed = load_model(f"classifier-dir:{tmp_path}", classes=["fünf", "acht"])
    assert renamed.classes == ("fünf", "acht")
    with pytest.raises(UsageError, match="has 2 classes, not 3: five, eight"):
        load_model(f"classifier-dir:{tmp_path}", classes=["a", "b", "c"])


def test_encoders(monkeypatch, tmp_path):
    monkeypatch.setattr("seewhy.models.embedded.load_embedded", lambda _: tiny_dual_encoder())
    monkeypatch.setattr(loading, "load_folder", lambda _: tiny_dual_encoder("vit"))
    monkeypatch.setattr(loading, "load_architecture", lambda *_, **__: tiny_dual_encoder("vit"))
    assert load_model("embedded:clip-resnet").name == "tiny-resnet"
    assert load_model(f"open_clip-dir:{tmp_path}").name == "tiny-vit"
    assert isinstance(load_model("open_clip:RN50/openai"), OpenClipEncoder)
    with pytest.raises(UsageError, match="no classifier, so it has no classes"):
        load_model("open_clip:RN50/openai", classes=["a", "b"])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:banana"])
def test_devices_that_are_not_there_are_refused(device):
    with pytest.raises(UsageError, match=rf"device '{device}' cannot be used"):
        load_model(f"{ARCH}/random-weights", device=device)


@pytest.mark.parametrize(("cuda", "mps", "wanted"), [(1, 1, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_the_best_device_is_an_accelerator_where_there_is_one(monkeypatch, cuda, mps, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert loading._best_device() == wanted


def test_auto_is_a_device():
    model = load_model(f"{ARCH}/random-weights", device="auto")
    assert model.logits(torch.zeros(1, 3, 32, 32)).isfinite().all()


def test_the_page_of_the_documentation_lists_the_same_names():
    page = Path(__file__).parents[2] / "docs" / "models.md"
    rows = re.findall(r"^ *\| `.*$", load_model.__doc__ or "", flags=re.MULTILINE)
    text = page.read_text(encoding="utf-8")
    assert len(rows) == 9
    assert all(row.strip() in text for row in rows)
