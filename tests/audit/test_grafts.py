"""The graft's part of an audit: pixels in order, right values, and its summaries."""

import numpy as np
import pytest
import torch

from seewhy.audit import grafts
from seewhy.audit.grafts import PixelPairs, read_graft, right_values
from seewhy.data.concepts import load_concepts
from seewhy.data.digits import DigitExperiment
from seewhy.methods.grafting.method import Grafting
from seewhy.methods.grafting.reading import CaptionTable
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder

CONCEPTS = load_concepts(
    {
        "colour": {"red": ["a photo of the red digit"], "green": ["a photo of the green digit"]},
        "value": {"5": ["a photo of the digit 5"], "8": ["a photo of the digit 8"]},
    }
)


@pytest.fixture(scope="module")
def records():
    return DigitExperiment().records("held-out", "random")[:11]


def pairs_of(records, batch_size=4):
    return PixelPairs(records, tiny_classifier(), tiny_dual_encoder(), batch_size)


@pytest.mark.parametrize("room", [2**40, 0, 3 * 4 * 2 * 3 * 32 * 32 * 4 // 3])
def test_pixels_come_in_order_every_time_whatever_is_kept(records, monkeypatch, room):
    monkeypatch.setattr(grafts, "_CACHE_BYTES", room)
    pairs = pairs_of(records)
    wanted = torch.stack([pairs.classifier.preprocess(record.read()) for record in records])
    for _ in range(3):
        assert torch.equal(torch.cat([own for own, _ in pairs]), wanted)


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
    pairs = pairs_of(records)
    texts = pairs.encoder.encode_texts(list(CONCEPTS.captions))
    resamples = np.random.default_rng(0).integers(len(records), size=(20, len(records)))
    reading = read_graft(pairs, CONCEPTS, texts, settings=Grafting(), resamples=resamples, seed=0)
    stages = len(pairs.encoder.stages())
    assert reading.similarities.shape == (len(records), stages + 1, 4)
    assert [layer.grafted for layer in reading.layers] == list(range(stages + 1))
    for layer in reading.layers:
        assert sum(share.value for share in layer.winners.values()) == pytest.approx(1)
    published = reading.published
    total = [*published.correct.values(), *published.wrong.values(), *published.unknown.values()]
    assert sum(total) == pytest.approx(1)
    images = torch.cat([target for _, target in pairs])
    before = pairs.encoder.encode_images(images) @ texts.T
    torch.testing.assert_close(reading.similarities[:, 0], before, atol=1e-5, rtol=0)
    assert [row.row.name for row in reading.rows] == ["graft-published", "graft-readable"]
    assert not any(row.row.votes for row in reading.rows)
    identity = next(c for c in reading.controls if c.name == "identity graft")
    assert identity.value <= 1e-6
