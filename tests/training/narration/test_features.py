import shutil
from functools import partial

import pytest
import torch
from tests.training.narration.small import picture, small_narrator
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import DEFAULT_POLICY
from seewhy.data.listing import FileImage
from seewhy.training.narration.features import FeatureStore, store_features, tower_key

image = partial(FileImage, policy=DEFAULT_POLICY)


@pytest.fixture(scope="module")
def narrator():
    return small_narrator().eval()


@pytest.fixture
def images(tmp_path):
    for number in range(3):
        picture(tmp_path / f"{number}.png", number)
    shutil.copy(tmp_path / "0.png", tmp_path / "copy.png")
    return [image(tmp_path / f"{name}.png") for name in (0, 1, 2, "copy")]


def test_tokens_are_the_towers_in_half_precision_and_by_content(narrator, images, tmp_path):
    store = FeatureStore(tmp_path / "kept", tower_key(narrator))
    assert store_features(narrator, images, store) == 0
    assert len(list((tmp_path / "kept").rglob("*.npy"))) == 3
    pixels = torch.stack([narrator.preprocess(read()) for read in images])
    with torch.no_grad():
        tokens = narrator.tower(pixels)
    for read, wanted in zip(images, tokens, strict=True):
        assert_close(store.tokens(read), wanted.half().float(), rtol=2e-3, atol=2e-3)


def test_nothing_is_computed_twice(narrator, images, tmp_path, monkeypatch):
    store = FeatureStore(tmp_path / "kept", tower_key(narrator))
    store_features(narrator, images[:2], store)
    seen = []
    monkeypatch.setattr(type(narrator), "preprocess", lambda _, image: seen.append(image))
    store_features(narrator, images[:2], FeatureStore(store.folder, store.key))
    assert seen == []


def test_towers_and_ways_to_bring_images_in_do_not_mix(narrator):
    other = small_narrator(seed=1)
    assert tower_key(narrator) == tower_key(small_narrator())
    assert tower_key(narrator) != tower_key(other)
    with torch.no_grad():
        narrator.decoder.transformer.wte.weight += 1
    assert tower_key(narrator) == tower_key(small_narrator())


def test_unreadable_images_are_counted_and_have_no_tokens(narrator, images, tmp_path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no image")
    store = FeatureStore(tmp_path / "kept", tower_key(narrator))
    assert store_features(narrator, [*images, image(damaged), image(tmp_path / "no")], store) == 2
    with pytest.raises(DataError, match="no stored tokens"):
        store.tokens(image(damaged))


def test_drawn_images_have_no_file_to_be_known_by(tmp_path):
    with pytest.raises(UsageError, match="drawn anew"):
        FeatureStore(tmp_path, "key").path(lambda: None)
