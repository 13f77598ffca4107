"""The experiment of the paper on the parts that ship."""

import pytest
import torch

from seewhy.audit.demo import EXPERIMENT, demo_classifier, run_demo
from seewhy.models.checkpoints import weights_hash


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


def test_a_biased_classifier_is_found_out_before_deployment(folder):
    """On development images colour and value go together, as the accuracy of 1 shows."""
    result = run_demo(seed=0, output=folder, images="development", kinds=("biased",))
    assert result.verdict.dominant == "colour"
    assert result.verdict.effect > 0.5
    assert result.verdict.p_value < 0.01
    accuracy = result.document.details[0].accuracy
    assert accuracy["your images"].value > 0.97
    assert accuracy["the field: colour at random"].value < 0.7
    decision = next(row for row in result.verdict.evidence if row.name == "decision-share")
    assert not decision.votes
    assert "cannot separate colour and shape" in decision.note
    assert (folder / "report.html").is_file()


def test_a_trained_classifier_is_kept_and_reused(folder):
    first = demo_classifier("biased", seed=0, folder=folder / "models")
    weights = folder / "models" / "biased-0" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    second = demo_classifier("biased", seed=0, folder=folder / "models")
    assert weights.stat().st_mtime_ns == written
    assert weights_hash(first.module) == weights_hash(second.module)


def test_kinds_see_what_they_were_trained_on(folder):
    record = EXPERIMENT.records("held-out", "label")[0]
    untrained = demo_classifier("untrained", seed=0, folder=folder / "models")
    pixels = untrained.preprocess(record.read())
    assert pixels.shape == (3, EXPERIMENT.side, EXPERIMENT.side)
    channels = pixels.flatten(1).std(dim=1)
    assert (channels > 0.01).sum() == 1


@pytest.mark.slow
@pytest.mark.parametrize("images", ["field", "development"])
def test_all_three_kinds_are_judged_right(tmp_path, images):
    result = run_demo(
        seed=1, output=tmp_path, images=images, kinds=("biased", "unbiased", "untrained")
    )
    named = {verdict.model: verdict.dominant for verdict in result.verdicts}
    assert named == {"biased": "colour", "unbiased": "shape", "untrained": None}


@pytest.mark.slow
def test_the_unbiased_classifier_sees_no_colour(tmp_path):
    classifier = demo_classifier("unbiased", seed=1, folder=tmp_path)
    red, green = (
        EXPERIMENT.records("held-out", colouring)[0].read() for colouring in ("label", "grey")
    )
    torch.testing.assert_close(classifier.preprocess(red), classifier.preprocess(green))
