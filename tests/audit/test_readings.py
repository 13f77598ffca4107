from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from tests.audit.planted_readings import CONCEPTS, independent, similarities
from torch import nn

from seewhy.audit.controls import untrained_copies
from seewhy.audit.pixels.interventions import INTERVENTIONS, Intervention
from seewhy.audit.readings import (
    ORIGINAL,
    ModelFamily,
    PassSettings,
    ReadJob,
    concept_features,
    read_images,
    softmax,
    untrained_name,
)
from seewhy.base.errors import DataError, UsageError
from seewhy.data.digits import DigitExperiment
from seewhy.data.records import ImageRecord
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder

ENCODER = tiny_dual_encoder("vit")
CAPTIONS = ENCODER.encode_texts(["a red digit", "a green digit", "the digit 5"])
RECORDS = DigitExperiment(side=32).records("held-out", "random")[:5]
MODEL = tiny_classifier("resnet", classes=2)
VALUES = independent()
FAMILY = ModelFamily(MODEL, untrained_copies(MODEL, count=2, seed=0))


@cache
def usual():
    return read()


def read(records=RECORDS, families=(FAMILY,), interventions=INTERVENTIONS, **settings):
    return read_images(
        records,
        families,
        ENCODER,
        captions=CAPTIONS,
        interventions=interventions,
        settings=PassSettings(**({"batch_size": 3, "seed": 1} | settings)),
    )


def one_by_one(record, change=None):
    """Similarities and logits of one image, without any batching."""
    image = record.read()
    if change is not None:
        image = change.apply(image, seed=1, sample=record.id)
    similarities = ENCODER.encode_images(ENCODER.preprocess(image)[None]) @ CAPTIONS.T
    return similarities[0].numpy(), MODEL.logits(MODEL.preprocess(image)[None])[0].numpy()


def test_every_number_is_that_of_the_image_by_itself():
    readings = usual()
    assert readings.records == tuple(RECORDS)
    assert len(readings) == 5
    assert readings.failures == ()
    for change in (None, *INTERVENTIONS):
        variant = ORIGINAL if change is None else change.name
        for row, record in enumerate(RECORDS):
            similarities, logits = one_by_one(record, change)
            assert_allclose(readings.similarities[variant][row], similarities, atol=1e-5)
            assert_allclose(readings.logits[MODEL.name][variant][row], logits, atol=1e-5)


def test_copies_see_the_same_pixels_under_names_of_their_own():
    readings = usual()
    names = [MODEL.name, untrained_name(MODEL.name, 0), untrained_name(MODEL.name, 1)]
    assert list(readings.logits) == names == list(FAMILY.members())
    assert names[1] == f"{MODEL.name}/untrained-0"
    for name, member in FAMILY.members().items():
        pixels = torch.stack([MODEL.preprocess(record.read()) for record in RECORDS])
        assert_allclose(readings.logits[name][ORIGINAL], member.logits(pixels), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 100])
def test_the_size_of_batches_changes_nothing_beyond_rounding(batch_size):
    expected, readings = usual(), read(batch_size=batch_size)
    for variant, values in expected.similarities.items():
        assert_allclose(readings.similarities[variant], values, atol=1e-5)
    for variant, values in expected.logits[MODEL.name].items():
        assert_allclose(readings.logits[MODEL.name][variant], values, atol=1e-5)


def test_only_the_seed_changes_what_chance_does():
    shuffle = [change for change in INTERVENTIONS if change.name == "patch shuffle"]
    first, again, other = (read(interventions=shuffle, seed=seed) for seed in (1, 1, 2))
    assert_array_equal(first.similarities["patch shuffle"], again.similarities["patch shuffle"])
    assert_array_equal(first.similarities[ORIGINAL], other.similarities[ORIGINAL])
    assert not np.allclose(first.similarities["patch shuffle"], other.similarities["patch shuffle"])


def test_what_else_decides_a_change_counts_for_the_key():
    """Two exchanges of one name differ by the images that they take from."""

    def key(*changes):
        settings = PassSettings(batch_size=3, seed=1)
        return ReadJob((FAMILY,), ENCODER, CAPTIONS, changes, settings).key()

    plain = INTERVENTIONS[0]
    first, other = (replace(plain, facts=facts) for facts in ("digest", "another"))
    assert len({key(plain), key(first), key(other), key()}) == 4
    assert key(first) == key(replace(plain, facts="digest"))


def test_models_and_encoder_are_left_as_they_were():
    modules = [ENCODER.module, *(member.module for member in FAMILY.members().values())]
    before = [fingerprint(module) for module in modules]
    read()
    assert [fingerprint(module) for module in modules] == before


def test_without_interventions_there_is_only_the_original():
    readings = read(interventions=())
    assert list(readings.similarities) == [ORIGINAL]
    assert list(readings.logits[MODEL.name]) == [ORIGINAL]


def failing(record):
    def refuse():
        raise DataError("truncated", "the file ends early")

    return ImageRecord(record.id, refuse)


def test_an_image_that_cannot_be_read_is_left_out_and_named():
    records = [RECORDS[0], failing(RECORDS[1]), *RECORDS[2:]]
    readings = read(records, interventions=())
    assert [record.id for record in readings.records] == [
        record.id for record in records if record is not records[1]
    ]
    (failure,) = readings.failures
    assert (failure.id, failure.code) == (RECORDS[1].id, "truncated")
    expected = usual()
    assert_allclose(
        readings.similarities[ORIGINAL],
        np.delete(expected.similarities[ORIGINAL], 1, axis=0),
        atol=1e-5,
    )


def test_when_nothing_can_be_read_all_is_empty():
    readings = read([failing(record) for record in RECORDS], interventions=())
    assert len(readings) == 0
    assert len(readings.failures) == 5


class Brittle(nn.Module):
    """Not a number on images with any ink in the red channel."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def forward(self, pixels):
        bright = pixels[:, 0].amax(dim=(1, 2)) > 0.5
        scores = torch.stack([pixels.mean(dim=(1, 2, 3)), torch.zeros(len(pixels))], dim=1)
        return torch.where(bright[:, None], torch.tensor(self.fault), scores)


def brittle(fault, name="brittle"):
    def preprocess(image):
        pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255)
        return pixels.permute(2, 0, 1).contiguous()

    return Classifier(Brittle(fault), preprocess=preprocess, classes=["a", "b"], name=name)


@pytest.mark.parametrize("fault", [float("nan"), float("inf"), -float("inf")])
def test_an_image_on_which_one_model_fails_is_left_out_for_all(fault):
    readings = read(families=(FAMILY, ModelFamily(brittle(fault))), interventions=())
    colours = [record.attributes["colour"] for record in RECORDS]
    assert [record.attributes["colour"] for record in readings.records] == [
        "green"
    ] * colours.count("green")
    assert len(readings.failures) == colours.count("red") > 0
    for failure in readings.failures:
        assert failure.code == "non_finite"
        assert "brittle" in failure.message
    for values in readings.logits.values():
        assert len(values[ORIGINAL]) == len(readings)
        assert np.isfinite(values[ORIGINAL]).all()
    expected = read(interventions=())
    green = [colour == "green" for colour in colours]
    assert_allclose(
        readings.similarities[ORIGINAL], expected.similarities[ORIGINAL][green], atol=1e-5
    )


def test_a_failure_on_a_changed_version_counts_once():
    def redden(image, _generator):
        return Image.new("RGB", image.size, (255, 0, 0))

    changes = [Intervention(name, "", redden) for name in ("first", "second")]
    readings = read(families=(ModelFamily(brittle(float("nan"))),), interventions=changes)
    assert len(readings) == 0
    assert [failure.id for failure in readings.failures] == [record.id for record in RECORDS]
    first = {failure.id: failure.message for failure in readings.failures}
    assert set(first.values()) >= {"NaN or infinity in first/brittle"}


def test_failures_stand_in_the_order_of_the_images():
    families = (FAMILY, ModelFamily(brittle(float("nan"))))
    records = [*RECORDS[:-1], failing(RECORDS[-1])]
    failed = [failure.id for failure in read(records, families, ()).failures]
    order = [record.id for record in records]
    assert failed == sorted(failed, key=order.index)
    assert len(failed) > 1


def test_preprocessing_to_different_sizes_is_refused_with_its_model():
    def as_it_is(image):
        return torch.zeros(3, image.height, image.width)

    model = Classifier(Brittle(0.0), preprocess=as_it_is, classes=["a", "b"], name="stretchy")
    records = [
        ImageRecord(str(side), lambda side=side: Image.new("RGB", (side, side))) for side in (8, 9)
    ]
    with pytest.raises(UsageError, match=r"stretchy.*\(3, 8, 8\).*\(3, 9, 9\)"):
        read(records, (ModelFamily(model),))


def test_no_images_are_refused():
    with pytest.raises(UsageError, match="no images"):
        read([])


def test_probabilities_are_the_softmax_in_double_precision():
    logits = np.array([[0.0, np.log(3)], [1000.0, 0.0], [5.0, 5.0]], dtype=np.float32)
    found = softmax(logits)
    assert found.dtype == np.float64
    assert_allclose(found, [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], atol=1e-7)
    readings = usual()
    expected = softmax(readings.logits[MODEL.name]["grey"])
    assert_array_equal(readings.probabilities(MODEL.name, "grey"), expected)
    assert_allclose(readings.probabilities(MODEL.name).sum(axis=1), 1.0)


def test_features_are_contrasts_between_the_values_of_a_group():
    features = concept_features(similarities(*VALUES), CONCEPTS)
    assert list(features) == ["colour", "shape"]
    assert_allclose(features["colour"], 0.05 * np.stack([VALUES[0], -VALUES[0]], axis=1), atol=1e-6)
    assert_allclose(features["shape"], 0.05 * np.stack([VALUES[1], -VALUES[1]], axis=1), atol=1e-6)


def test_captions_of_one_value_are_averaged_and_what_all_share_is_taken_off():
    row = np.array([[0.5, 0.1, 0.2, 0.4, 0.4]])
    features = concept_features(row, CONCEPTS)
    assert_allclose(features["colour"], [[0.05, -0.05]])
    assert_allclose(features["shape"], [[0.0, 0.0]])
    shifted = concept_features(row + 7, CONCEPTS)
    assert_allclose(shifted["colour"], features["colour"], atol=1e-12)
