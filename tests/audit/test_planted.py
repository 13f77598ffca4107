from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from seewhy.audit import planted
from seewhy.audit.planted import (
    PlantedCase,
    counterfactual_truth,
    counterfactuals,
    load_planted,
    planted_models,
    quick_set,
    standard_set,
)
from seewhy.base.errors import UsageError
from seewhy.data.attributes import ATTRIBUTES
from seewhy.data.plants import make_plant
from seewhy.models.classifiers import Classifier
from seewhy.models.preprocessing import Preprocessing
from seewhy.training.loop import Schedule

CASE = PlantedCase(make_plant(["background colour"], 0), "vgg")


class RednessOfTheBorder(torch.nn.Module):
    """Decides by the mean colour of the outermost pixels, nothing else."""

    def __init__(self, colours):
        super().__init__()
        self.colours = torch.tensor(colours) / 255

    def forward(self, pixels):
        ring = torch.cat([pixels[:, :, :3].flatten(2), pixels[:, :, -3:].flatten(2)], 2)
        return -((ring.mean(dim=2)[:, None] - self.colours[None]) ** 2).sum(dim=2)


def test_the_truth_about_a_classifier_that_looks_at_the_border_is_its_background():
    plant = make_plant(["background colour"], 1)
    plant = replace(
        plant,
        values={
            **plant.values,
            "background colour": ("red", "green"),
            "colour": ("blue",),
            "mark": ("none",),
            "background texture": ("plain",),
        },
    )
    classifier = Classifier(
        RednessOfTheBorder([[228.0, 26.0, 28.0], [35.0, 185.0, 50.0]]),
        preprocess=Preprocessing(64, mean=(0.0,) * 3, std=(1.0,) * 3),
        classes=plant.classes,
    )
    truth = counterfactual_truth(classifier, counterfactuals(plant, images=20))
    assert truth.accuracy == 1
    assert truth.learned
    assert truth.dominant == "background colour"
    assert truth.drops["background colour"] == 1
    assert truth.drops["shape"] == truth.drops["size"] == truth.drops["position"] == 0


@pytest.fixture
def _in_a_moment(monkeypatch):
    monkeypatch.setattr(planted, "TRAINING_IMAGES", 256)
    monkeypatch.setattr(planted, "TRUTH_IMAGES", 40)
    quick = Schedule(steps=40, learning_rate=2e-3, weight_decay=0.01)
    monkeypatch.setattr(planted, "_SCHEDULES", dict.fromkeys(("resnet", "vgg", "convnext"), quick))


@pytest.mark.usefixtures("_in_a_moment")
def test_a_classifier_is_trained_once_and_relies_on_what_was_planted(tmp_path, monkeypatch):
    (model,) = planted_models([CASE], tmp_path)
    assert model.truth.drops["background colour"] > 0.8
    assert model.classifier.classes == CASE.plant.classes
    assert max(d for a, d in model.truth.drops.items() if CASE.plant.role(a) == "unused") < 0.1
    monkeypatch.setattr(planted, "_train_group", None)
    (again,) = planted_models([CASE], tmp_path)
    assert again.truth == model.truth
    pixels = torch.rand(2, 3, 64, 64)
    assert_close(again.classifier.logits(pixels), model.classifier.logits(pixels))
    for path in tmp_path.glob("*.json"):
        path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="remove it to train again"):
        load_planted(CASE, tmp_path)


def test_the_standard_set_plants_every_attribute_in_every_way():
    cases = standard_set()
    assert len({case.digest for case in cases}) == len(cases) == 24 * 3 * 5
    roles = Counter(
        (attribute, case.plant.role(attribute)) for case in cases for attribute in ATTRIBUTES
    )
    for attribute in ATTRIBUTES:
        assert roles[attribute, "full"] == 15
        assert roles[attribute, "half"] == roles[attribute, "twin"] == 30
        assert roles[attribute, "unused"] > 60
        assert roles[attribute, "absent"] > 60
    assert {len(case.plant.classes) for case in cases} == {2, 3}
    assert {case.family for case in cases} == {"resnet", "vgg", "convnext"}


def test_the_quick_set_has_every_attribute_whole_and_halved():
    roles = Counter(
        role for case in quick_set() for a in ATTRIBUTES if (role := case.plant.role(a))
    )
    assert (roles["full"], roles["half"], roles["twin"]) == (8, 16, 0)


def test_the_digest_tells_all_that_decides_the_weights_apart():
    other = PlantedCase(make_plant(["background colour"], 1), "vgg")
    assert len({CASE.digest, other.digest, PlantedCase(CASE.plant, "resnet").digest}) == 3
    again = PlantedCase(make_plant(["background colour"], 0), "vgg")
    assert again.digest == PlantedCase(CASE.plant, "vgg").digest
