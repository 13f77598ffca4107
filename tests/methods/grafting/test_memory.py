from contextlib import suppress

import pytest

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.matching import IMAGES_AT_ONCE
from seewhy.methods.grafting.memory import images_within
from seewhy.models.load import load_model
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder

GIGABYTE = 10**9


@pytest.fixture(scope="module")
def full_size():
    return (
        load_model("torchvision:resnet50/random-weights"),
        load_model("open_clip:RN50/random-weights"),
    )


def within(memory, networks):
    classifier, encoder = networks
    return images_within(memory, classifier, encoder, sites=classifier.sites())


def test_small_networks_take_as_many_images_as_are_any_use():
    assert within(4 * GIGABYTE, (tiny_classifier(), tiny_dual_encoder())) == IMAGES_AT_ONCE


def test_less_memory_means_fewer_images(monkeypatch):
    monkeypatch.setattr("seewhy.methods.grafting.memory._PROCESS", 0)
    monkeypatch.setattr("seewhy.methods.grafting.memory._weights", lambda _: 0)
    networks = tiny_classifier(), tiny_dual_encoder()
    counts = []
    for memory in range(50_000, 4_000_000, 100_000):
        with suppress(UsageError):
            counts.append(within(memory, networks))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == IMAGES_AT_ONCE
    assert len(set(counts)) > 3


def test_too_little_memory_is_refused_with_what_is_needed(full_size):
    with pytest.raises(UsageError, match=r"1\.0 GB of memory are too little.* GB are needed"):
        within(GIGABYTE, full_size)
