import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.methods.text_maps.golden import arrays, patches, tensor

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.points import Pointing, joint_points, map_points

SIZE = (240, 321)
STORED = sorted(key for key in arrays("vit") if key.startswith("points_"))


def stored_map(kind, side, text):
    return patches(tensor("vit", f"sim_{kind}_{side}"))[0, ..., text].contiguous()


@pytest.mark.parametrize("key", STORED)
def test_points_are_the_stored_ones(key):
    kind, side, text, threshold, shrink = re.fullmatch(
        r"points_(\w+)_(\d+)_text(\d)_t([\d.]+)_ds(\d)", key
    ).groups()
    pointing = Pointing(float(threshold), int(shrink))
    found = map_points(stored_map(kind, side, int(text)), SIZE, pointing=pointing)
    assert found.places.tolist() == arrays("vit")[key].tolist()
    assert found.labels.tolist() == arrays("vit")[key.replace("points", "labels")].tolist()


@pytest.mark.parametrize("side", [64, 96])
def test_points_of_several_texts_are_the_stored_ones(side):
    maps = torch.stack([stored_map("redundant", side, text) for text in range(3)])
    found = joint_points(maps, SIZE)
    assert found.places.tolist() == arrays("vit")[f"combined_points_{side}"].tolist()
    assert found.labels.tolist() == arrays("vit")[f"combined_labels_{side}"].tolist()


def test_the_highest_and_the_lowest_cells_are_found_by_hand():
    values = torch.tensor([[0.0, 9, 1], [8, 2, 3]])
    found = map_points(values, (20, 30), pointing=Pointing(0.8, 1))
    assert found.places.tolist() == [[5, 15], [15, 5], [5, 5], [25, 5]]
    assert found.labels.tolist() == [1, 1, 0, 0]


@given(rows=st.integers(1, 9), cols=st.integers(1, 9), seed=st.integers(0, 99))
def test_there_are_as_many_on_as_beside_and_none_twice(rows, cols, seed):
    values = torch.rand(rows, cols, generator=torch.Generator().manual_seed(seed))
    found = map_points(values, (90, 90), pointing=Pointing(0.5))
    places = list(map(tuple, found.places.tolist()))
    assert len(set(places)) == len(places)
    assert int(found.labels.sum()) * 2 == len(places)
    assert all(0 <= x < 90 and 0 <= y < 90 for x, y in places)


@pytest.mark.parametrize("shape", [(1, 1), (4, 6)])
def test_a_constant_map_points_nowhere(shape):
    found = map_points(torch.full(shape, 3.0), SIZE)
    assert found.places.shape == (0, 2)
    assert not len(found.labels)
    assert not len(joint_points(torch.ones(2, *shape), SIZE).labels)


def test_points_stay_inside_of_a_narrow_image():
    found = map_points(torch.eye(8), (1, 3), pointing=Pointing(0.5))
    assert found.places[:, 0].max() <= 2
    assert not found.places[:, 1].any()


def test_centres_on_a_whole_pixel_are_that_pixel():
    values = torch.zeros(13, 1)
    values[6] = 1
    assert map_points(values, (240, 1), pointing=Pointing(0.8, 1)).places[0].tolist() == [0, 120]


def test_what_is_beside_all_is_on_none_if_asked_so():
    """The mean of the maps is lowest in cell 0, where the first text is."""
    maps = torch.tensor([[[1.0, 0.9, 0, 0]], [[0.0, 1, 1, 1]], [[0.0, 1, 1, 1]]])
    published = joint_points(maps, (1, 4), pointing=Pointing(0.6, 1))
    assert published.labels.tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert published.places[:3].tolist() == [[0, 0], [1, 0], [0, 0]]
    parted = joint_points(maps, (1, 4), pointing=Pointing(0.6, 1), apart=True)
    assert torch.equal(parted.places, published.places[1:])
    assert parted.labels.tolist() == [1] * 6


@pytest.mark.parametrize(("threshold", "shrink"), [(0.0, 2), (1.1, 2), (0.5, 0)])
def test_settings_without_sense_are_refused(threshold, shrink):
    with pytest.raises(UsageError, match="threshold above 0"):
        Pointing(threshold, shrink)
