import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.training.editing.small import CHANNELS, SMALL, TRUTHS, caption_files

from seewhy.base.errors import UsageError
from seewhy.models.editing.feature_files import FixedRegions
from seewhy.models.editing.feature_lookup import FixedLookup
from seewhy.models.editing.feature_store import FeatureStore, write_store
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.sources import FileSourceConfig
from seewhy.training.editing.files import EditorFiles, FileReading, file_material

PRESET = replace(SMALL, drawn=None)


def features_of(number):
    return ImageFeatures(torch.full((1 + number % 3, CHANNELS), float(number)))


def store_of(folder, numbers=range(12), *, name="picture_{}.jpg"):
    write_store(folder, ((name.format(number), features_of(number)) for number in numbers))
    return folder


def material_of(tmp_path, *, features, **values):
    captions, existing = caption_files(tmp_path, images=False)
    given = {"captions": captions, "existing": (existing,), "features": features, **values}
    return file_material(PRESET, EditorFiles(**given), FileReading(tmp_path / "home"))


def test_splits_serve_for_what_they_are_named(tmp_path):
    found = material_of(tmp_path, features=(store_of(tmp_path / "store"),))
    assert found.told["images"] == {"train": 8, "validation": 2, "test": 2}
    assert found.source == FileSourceConfig(width=CHANNELS)
    assert [each.id for each in found.validation.records] == ["picture_8.jpg", "picture_9.jpg"]
    # The final captions have regions as they are, those to choose by are scaled.
    plain = found.final.regions([1]).regions
    assert plain.unique().tolist() == [11.0]
    assert found.scale is not None
    wanted = (8.0 - found.scale.mean) / found.scale.deviation
    torch.testing.assert_close(found.validation.regions([0]).regions[0, 0], wanted)


def test_words_are_counted_on_training_captions_alone(tmp_path):
    captions, existing = caption_files(tmp_path, images=False)
    document = json.loads(captions.read_text(encoding="utf-8"))
    for entry in document["images"][8:]:
        entry["sentences"] = [{"tokens": ["hidden", "words"]}] * 9
    captions.write_text(json.dumps(document), encoding="utf-8")
    files = EditorFiles(captions, (existing,), features=(store_of(tmp_path / "store"),))
    found = file_material(PRESET, files, FileReading(tmp_path))
    assert set(found.writer.vocabulary.words) == set(" ".join(TRUTHS).split())


def test_the_reward_weighs_by_training_captions(tmp_path):
    found = material_of(tmp_path, features=(store_of(tmp_path / "store"),))
    reward = found.reward()
    assert reward.known.images == 8
    (ring,) = found.writer.vocabulary.encode(["ring"])
    assert reward.known.documents[ring,] == 4


def test_existing_captions_without_file_names_are_found_by_id(tmp_path):
    store = store_of(tmp_path / "store", name="picture_{}.jpg")
    captions, existing = caption_files(tmp_path, images=False)
    entries = json.loads(existing.read_text(encoding="utf-8"))
    listed = [{name: each[name] for name in ("image_id", "caption")} for each in entries]
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps(listed), encoding="utf-8")
    one, two = (
        file_material(PRESET, EditorFiles(captions, (each,), features=(store,)), FileReading(store))
        for each in (existing, bare)
    )
    assert one.final.records == two.final.records


def test_prepared_captions_are_read_too(tmp_path):
    captions, _ = caption_files(tmp_path, images=False)
    prepared = tmp_path / "CAPUTIL.json"
    entry = {
        "caption": "a red star",
        "encoded_previous_caption": [1, 2, 3],
        "previous_caption_length": [3],
        "image_ids": 100,
    }
    utilities = {f"picture_{number}.jpg": entry for number in range(12)}
    prepared.write_text("\n" + json.dumps(utilities), encoding="utf-8")
    files = EditorFiles(captions, (prepared,), features=(store_of(tmp_path / "store"),))
    found = file_material(PRESET, files, FileReading(tmp_path))
    assert {each.caption for each in found.validation.records} == {("a", "red", "star")}


def test_images_without_features_are_left_out_and_counted(tmp_path, caplog):
    store = store_of(tmp_path / "store", [0, 1, 2, 8, 9])
    with caplog.at_level(logging.WARNING):
        found = material_of(tmp_path, features=(store,))
    assert found.told["images"] == {"train": 3, "validation": 2, "test": 0}
    assert "5 of 8 images" in caplog.text
    # Without test captions those of the validation split measure.
    assert found.final.records == found.validation.records


def test_a_split_without_any_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no caption of the validation split"):
        material_of(tmp_path, features=(store_of(tmp_path / "store", range(8)),))


def test_adaptive_files_are_read_by_the_id(tmp_path):
    folder = tmp_path / "adaptive"
    folder.mkdir()
    for number in range(12):
        np.savez(folder / f"{100 + number}.npz", feat=features_of(number).regions.numpy())
    found = material_of(tmp_path, features=(folder,))
    assert found.width == CHANNELS
    assert found.final.regions([1]).counts.tolist() == [3]
    with pytest.raises(UsageError, match=r"neither features.json nor any ID.npz"):
        material_of(tmp_path, features=(tmp_path,))


def test_rows_of_two_files_are_found_by_the_id(tmp_path, monkeypatch):
    class Fixed(FixedRegions):
        def __init__(self, path):
            self.shift, self.width = (100.0 if "val" in path.name else 0.0), CHANNELS

        def features(self, row):
            return ImageFeatures(torch.full((2, CHANNELS), self.shift + row))

    monkeypatch.setattr("seewhy.models.editing.feature_lookup.FixedRegions", Fixed)
    train, validation = ({str(100 + each): each for each in part} for part in (range(8), [8, 9]))
    paths = (tmp_path / "train36.hdf5", tmp_path / "val36.hdf5")
    indices = (tmp_path / "train.json", tmp_path / "val.json")
    for path, index in zip(indices, (train, validation), strict=True):
        path.write_text(json.dumps(index), encoding="utf-8")
    found = material_of(tmp_path, features=paths, indices=indices)
    assert found.told["images"] == {"train": 8, "validation": 2, "test": 0}
    assert found.final.regions([1]).regions.unique().tolist() == [109.0]
    with pytest.raises(UsageError, match="2 HDF5 files and 1 indices"):
        FixedLookup.of(paths, indices[:1])


def test_images_and_features_at_once_or_neither_are_refused(tmp_path):
    for values in ({}, {"images": tmp_path, "features": (tmp_path,)}):
        with pytest.raises(UsageError, match="either the folder of the images, or their features"):
            material_of(tmp_path, **{"features": (), **values})
    with pytest.raises(UsageError, match="--encoder"):
        material_of(tmp_path, features=(), images=tmp_path)


def test_a_missing_list_is_named(tmp_path):
    store = store_of(tmp_path / "store")
    with pytest.raises(UsageError, match="nowhere"):
        material_of(tmp_path, features=(store,), existing=(tmp_path / "nowhere.json",))


def test_stored_features_are_those_that_were_written(tmp_path):
    store = FeatureStore(store_of(tmp_path / "store"))
    assert torch.equal(store.features("picture_3.jpg").regions, features_of(3).regions)
