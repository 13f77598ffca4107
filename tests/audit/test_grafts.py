"""The graft's part of an audit: its passes, right values, and its summaries."""

import numpy as np
import pytest
import torch
from PIL import Image

from seewhy.audit.grafts import (
    GraftSettings,
    ModelGraft,
    read_graft,
    right_values,
    run_controls,
    run_graft,
)
from seewhy.data.concepts import load_concepts
from seewhy.data.digits import DigitExperiment
from seewhy.data.records import ImageRecord
from seewhy.methods.grafting.method import Grafting
from seewhy.methods.grafting.reading import CaptionTable
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder
from seewhy.passes.options import PassOptions

CONCEPTS = load_concepts(
    {
        "colour": {"red": ["a photo of the red digit"], "green": ["a photo of the green digit"]},
        "value": {"5": ["a photo of the digit 5"], "8": ["a photo of the digit 8"]},
    }
)


@pytest.fixture(scope="module")
def records():
    return DigitExperiment().records("held-out", "random")[:11]


def model_graft(**changes):
    encoder = tiny_dual_encoder()
    return ModelGraft(
        tiny_classifier(),
        encoder,
        encoder.encode_texts(list(CONCEPTS.captions)),
        GraftSettings(
            **{
                "grafting": Grafting(),
                "memory": 4 * 10**9,
                "precision": "float32",
                "options": PassOptions(),
            }
            | changes
        ),
    )


def test_known_attributes_win_over_what_is_read(records):
    table = CaptionTable.listed(CONCEPTS.as_dict())
    before = torch.tensor([[0.9, 0.1, 0.2, 0.3]]).repeat(len(records), 1)
    right = right_values(records, before, table)
    colours = [["red", "green"].index(record.attributes["colour"]) for record in records]
    values = [["5", "8"].index(record.attributes["value"]) for record in records]
    assert right.tolist() == [list(pair) for pair in zip(colours, values, strict=True)]


def test_without_attributes_the_encoder_says_what_is_right(records):
    table = CaptionTable.listed({"size": {"small": ["s"], "large": ["l"]}})
    before = torch.tensor([[0.1, 0.2], [0.4, 0.3]])
    assert right_values(records[:2], before, table).tolist() == [[1], [0]]


def test_the_reading_adds_up(records):
    graft = model_graft()
    resamples = np.random.default_rng(0).integers(len(records), size=(20, len(records)))
    done = run_graft(graft, records)
    controls = run_controls(graft, records, done, seed=0)
    reading = read_graft(done, records, CONCEPTS, controls, votes=False, resamples=resamples)
    stages = len(graft.encoder.stages())
    assert done.failures == ()
    assert done.matched.images == len(records)
    assert reading.similarities.shape == (len(records), stages + 1, 4)
    assert [layer.grafted for layer in reading.layers] == list(range(stages + 1))
    for layer in reading.layers:
        assert sum(share.value for share in layer.winners.values()) == pytest.approx(1)
    published = reading.published
    total = [*published.correct.values(), *published.wrong.values(), *published.unknown.values()]
    assert sum(total) == pytest.approx(1)
    images = torch.stack([graft.encoder.preprocess(record.read()) for record in records])
    before = graft.encoder.encode_images(images) @ graft.texts.T
    torch.testing.assert_close(reading.similarities[:, 0], before, atol=1e-5, rtol=0)
    assert [row.row.name for row in reading.rows] == ["graft-published", "graft-readable"]
    assert not any(row.row.votes for row in reading.rows)
    identity = next(c for c in reading.controls if c.name == "identity graft")
    assert identity.value <= 1e-6


def test_shards_and_precision_change_nothing_beyond_what_they_say(records):
    whole = run_graft(model_graft(), records)
    shards = run_graft(model_graft(options=PassOptions(shard_images=3)), records)
    coarse = run_graft(model_graft(precision="bfloat16"), records)
    for mine, theirs in zip(shards.matched.stages, whole.matched.stages, strict=True):
        torch.testing.assert_close(mine.score, theirs.score, atol=1e-6, rtol=0)
    torch.testing.assert_close(shards.similarities, whole.similarities, atol=1e-4, rtol=0)
    gaps = [
        (mine.score - theirs.score).abs().max()
        for mine, theirs in zip(coarse.matched.stages, whole.matched.stages, strict=True)
    ]
    assert 0 < max(gaps) < 0.03


def test_an_image_with_infinite_maps_fails_alone(records):
    graft = model_graft()
    white = ImageRecord("white", lambda: Image.new("RGB", (32, 32), (255, 255, 255)))
    graft.model.module.conv1.register_forward_hook(burst)
    done = run_graft(graft, [*records[:5], white, *records[5:]])
    assert [(each.id, each.code) for each in done.failures] == [("white", "non_finite")]
    assert done.matched.images == len(records)
    assert len(done.similarities) == len(records)
    assert done.similarities.isfinite().all()


def burst(_module, inputs, output):
    white = inputs[0].amin(dim=(1, 2, 3), keepdim=True) > 1
    return torch.where(white, torch.inf, output)
