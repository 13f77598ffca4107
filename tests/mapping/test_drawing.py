import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.mapping.examples import any_text_encoder, question, quick, scene

from seewhy.base.errors import DataError, UsageError
from seewhy.mapping import drawing
from seewhy.mapping.drawing import (
    Looked,
    framed,
    looked,
    positive_share,
    texts_shown,
)
from seewhy.models.preprocessing import Placement, Preprocessing
from seewhy.results.overlay import picture, picture_size
from seewhy.results.parts import Heatmap


def squashed(maps, width, height, side=32):
    """Maps of a whole image that was squashed into a square input."""
    placement = Placement((height, width), (side, side), (0, 0), (side, side))
    maps = np.asarray(maps, dtype=np.float32)
    texts = tuple(map(str, range(len(maps))))
    return Looked("raw", texts, maps, np.zeros(len(maps)), placement)


def test_values_over_an_image_are_those_of_bilinear_resizing():
    maps = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    found = squashed(maps, 50, 20).values(1, (50, 20))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps[None, 1:]), (20, 50), mode="bilinear", align_corners=False
    )
    assert found == pytest.approx(expected[0, 0].numpy(), abs=1e-6)


def test_a_smaller_picture_has_the_same_map():
    found = squashed([[[0.0, 1.0], [2.0, 5.0]]], 400, 400)
    large, small = found.values(0, (400, 400)), found.values(0, (100, 100))
    means = large.reshape(100, 4, 100, 4).mean(axis=(1, 3))
    assert small == pytest.approx(means, abs=0.02)


def test_what_the_preprocessing_cut_off_is_unknown():
    placement = Preprocessing(32).placement((96, 32))
    found = Looked("raw", ("x",), np.ones((1, 4, 4), np.float32), np.zeros(1), placement)
    unknown = np.isnan(found.values(0, (96, 32)))
    assert unknown[:, :32].all()
    assert not unknown[:, 32:64].any()
    assert unknown[:, 64:].all()


@given(row=st.integers(0, 2), col=st.integers(0, 3), seed=st.integers(0, 9))
def test_the_highest_place_is_the_centre_of_its_patch(row, col, seed):
    maps = np.random.default_rng(seed).random((1, 3, 4)).astype(np.float32)
    maps[0, row, col] = 2
    assert squashed(maps, 80, 60).place(0) == (col * 20 + 10, row * 20 + 10)


def test_the_highest_place_of_a_cropped_image_is_where_the_patch_was():
    placement = Preprocessing(32).placement((96, 32))
    maps = np.zeros((1, 2, 2), np.float32)
    maps[0, 0, 1] = 1
    found = Looked("raw", ("x",), maps, np.zeros(1), placement)
    assert found.place(0) == (32 + 24, 8)


def test_equal_patches_have_no_highest_place():
    assert squashed(np.full((1, 3, 3), 0.4), 9, 9).place(0) is None


def test_the_scale_is_common_to_all_texts():
    assert squashed([[[0.0, 1.0]], [[-3.0, 2.0]]], 4, 4).scale == 3


@pytest.mark.parametrize(
    ("size", "expected"),
    [((40, 30), (40, 30)), ((2048, 1024), (1024, 512)), ((1, 3000), (1, 1024)), ((1, 1), (1, 1))],
)
def test_pictures_keep_their_proportions_and_are_never_enlarged(size, expected):
    assert picture_size(size) == expected
    assert picture(Image.new("L", size)).shape == (*expected[::-1], 3)


def test_a_small_picture_is_the_image_itself():
    image = scene()
    assert (picture(image) == np.asarray(image)).all()


def test_the_positive_share_is_of_what_is_known():
    assert positive_share(np.array([[1.0, -1.0], [0.0, np.nan]])) == pytest.approx(1 / 3)
    assert positive_share(np.full((2, 2), np.nan)) is None


def test_what_a_figure_leaves_out_is_said():
    assert texts_shown(["a"] * 13, 12) == "the first 12 of 13 texts"
    assert texts_shown(["a"] * 12, 12) == ""


@pytest.fixture(scope="module")
def explained():
    asked = question(settings=quick())
    (method,) = asked.methods
    image = scene()
    (explanation,) = method.explain(asked.encoder, [image], asked.texts, prompts=asked.prompts)
    return asked, explanation, looked(explanation, method, asked.encoder, size=image.size)


def test_what_was_looked_at_is_in_the_explanation(explained):
    asked, explanation, found = explained
    assert found.texts == asked.texts
    assert found.maps.shape == (2, 4, 4)
    assert (found.maps[1] == explanation.parts[1].values).all()
    assert (found.whole == explanation.parts[-1].scores).all()


@pytest.mark.parametrize(
    ("frame", "shape"), [("grid", (4, 4)), ("input", (32, 32)), ("image", (30, 40))]
)
def test_arrays_come_in_the_frame_that_was_asked_for(explained, frame, shape):
    asked, explanation, found = explained
    heatmaps = [
        part for part in framed(explanation, found, frame).parts if isinstance(part, Heatmap)
    ]
    assert [part.title for part in heatmaps] == list(asked.texts)
    assert {part.values.shape for part in heatmaps} == {shape}
    assert {part.frame for part in heatmaps} == {frame}
    if frame == "image":
        assert heatmaps[0].values == pytest.approx(found.values(0, (40, 30)), abs=1e-6)


def test_more_than_a_file_can_hold_is_refused_before_it_is_drawn(explained, monkeypatch):
    _, explanation, found = explained
    monkeypatch.setattr(drawing, "MAX_FILE_BYTES", 2 * 30 * 40 * 4)
    with pytest.raises(DataError, match="2 maps of 30 x 40 pixels are 9,600 bytes") as caught:
        framed(explanation, found, "image")
    assert caught.value.code == "too_large"


def test_a_preprocessing_whose_way_back_is_unknown_is_refused(explained):
    asked, explanation, _ = explained
    encoder = any_text_encoder()
    encoder.preprocessing = lambda _: torch.zeros(3, 32, 32)
    asked = question(encoder, settings=quick(framing="model", size=None))
    with pytest.raises(UsageError, match="where its input lies in the image is unknown"):
        looked(explanation, asked.methods[0], encoder, size=(40, 30))
