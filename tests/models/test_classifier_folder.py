"""A saved classifier comes back as it was."""

import json

import pytest
import torch
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import weights_hash
from seewhy.models.classifier_folder import load_classifier, save_classifier
from seewhy.models.classifier_zoo import architecture, seeded
from seewhy.models.classifiers import Classifier
from seewhy.models.names import ModelName
from seewhy.models.preprocessing import Preprocessing

ARCH = "timm:test_resnet"


@pytest.fixture
def classifier():
    module = seeded(architecture(ModelName.parse(ARCH)), 2, seed=1)
    preprocess = Preprocessing(32, resize="squash", colour="grey", mean=(0.1, 0.2, 0.3))
    return Classifier(module, preprocess=preprocess, classes=["five", "acht <b>"], name="mine")


def test_weights_classes_and_preprocessing_come_back(classifier, tmp_path):
    save_classifier(classifier, tmp_path / "saved", arch=ARCH)
    read = load_classifier(tmp_path / "saved")
    assert read.classes == classifier.classes
    assert read.preprocessing == classifier.preprocessing
    assert weights_hash(read.module) == weights_hash(classifier.module)
    pixels = classifier.preprocess(Image.radial_gradient("L").convert("RGB"))[None]
    assert torch.equal(read.logits(pixels), classifier.logits(pixels))
    assert read.name == f"classifier-dir:{tmp_path / 'saved'}"
    assert not read.module.training


def test_only_a_preprocessing_can_be_written_down(classifier, tmp_path):
    loose = Classifier(classifier.module, preprocess=classifier.preprocess, classes=["a", "b"])
    with pytest.raises(UsageError, match="only a Preprocessing can be saved"):
        save_classifier(loose, tmp_path / "saved", arch=ARCH)
    assert not (tmp_path / "saved").exists()


def test_an_unknown_architecture_is_refused_before_writing(classifier, tmp_path):
    with pytest.raises(UsageError, match="no classifier"):
        save_classifier(classifier, tmp_path / "saved", arch="timm:nonsense")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": None}, "lacks one of"),
        ({"arch": 3}, "lacks one of"),
        ({"classes": ["a", "b", "c"]}, "misshaped"),
        ({"preprocessing": {"size": 32, "fill": 0}}, "fill; its fields are"),
        ({"arch": "timm:test_vit"}, "missing"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(classifier, tmp_path, changes, message):
    save_classifier(classifier, tmp_path, arch=ARCH)
    path = tmp_path / "classifier.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UsageError, match=message):
        load_classifier(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", None])
def test_folders_that_hold_no_classifier_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "classifier.json").write_text(content)
    with pytest.raises(UsageError, match=r"cannot read|lacks one of"):
        load_classifier(tmp_path)
