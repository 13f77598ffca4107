import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from PIL import Image
from scipy import ndimage
from tests.methods.mutual_knowledge.golden import arrays
from tests.methods.mutual_knowledge.pictures import CLIP, golden_labels, golden_pixels
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.drawing import Drawings, drawn
from seewhy.methods.mutual_knowledge.shapes import Bounding, bounded_parts
from seewhy.methods.mutual_knowledge.visual_prompts import (
    PROMPTS,
    blurred,
    embedded_parts,
    grey,
    mean_embeddings,
    normalised,
    pictures,
    visual_prompts,
)
from seewhy.models.preprocessing import Preprocessing


def noise(*shape, seed=0):
    levels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(levels)


def two_parts(size=16, images=(0, 0)):
    filled = np.zeros((len(images), size, size), dtype=bool)
    filled[:, 4:9, 4:9] = True
    filled[-1] = np.roll(filled[-1], 5, axis=1)
    lines = filled & ~ndimage.binary_erosion(filled, np.ones((1, 3, 3)))
    return Drawings(filled, lines, np.array(images))


def test_the_published_prompts_but_for_a_pixel_around_the_line():
    shown = pictures(golden_pixels(), CLIP, protocol="published")
    drawings = drawn(bounded_parts(golden_labels(), Bounding(patch=8, protocol="published")))
    found = visual_prompts(shown, drawings).permute(0, 1, 3, 4, 2).int().numpy()
    stored = arrays("prompts")
    for prompt, name in enumerate(["red", "red_gray", "red_blur"]):
        for part, line in enumerate(drawings.outlines):
            away = ~ndimage.binary_dilation(line, np.ones((3, 3)))
            difference = np.abs(found[part, prompt] - stored[name][part])[away]
            assert difference.max() <= (0 if name == "red" else 1)
            assert away.mean() > 0.9


@settings(max_examples=10)
@given(integers(0, 2**16))
def test_rounding_gives_back_the_levels_that_were_normalised(seed):
    image = noise(9, 9, 3, seed=seed)
    how = Preprocessing(9, mean=CLIP.mean, std=CLIP.std)
    pixels = how(Image.fromarray(image.numpy()))
    back = pictures(pixels[None], how, protocol="mended")
    assert torch.equal(back[0], image.permute(2, 0, 1))
    assert_close(normalised(back, how)[0], pixels)
    cut = back.int() - pictures(pixels[None], how, protocol="published").int()
    assert set(cut.unique().tolist()) <= {0, 1}


def test_a_model_that_sees_brightness_alone_is_shown_it():
    how = Preprocessing(8, colour="grey", mean=(0.5,) * 3, std=(0.25,) * 3)
    image = noise(8, 8, 3)
    prompts = normalised(image.permute(2, 0, 1)[None], how)
    assert_close(prompts[0], how(Image.fromarray(image.numpy())))


def test_inside_is_kept_the_line_is_red_and_around_it_is_changed():
    shown, drawings = noise(1, 3, 16, 16), two_parts()
    found = visual_prompts(shown, drawings)
    around = [shown, grey(shown), blurred(shown)]
    for part in range(2):
        line, filled = (torch.from_numpy(x[part]) for x in (drawings.outlines, drawings.filled))
        inner = filled & ~line
        for prompt, other in enumerate(around):
            image = found[part, prompt]
            assert image[:, line].T.unique(dim=0).tolist() == [[255, 0, 0]]
            assert torch.equal(image[:, inner], shown[0][:, inner])
            assert torch.equal(image[:, ~filled], other[0][:, ~filled])


def test_parts_of_several_images_are_those_of_each_image():
    shown, drawings = noise(3, 3, 16, 16), two_parts(images=(0, 2))
    found = visual_prompts(shown, drawings)
    for part, image in enumerate([0, 2]):
        row = drawings.some(part, part + 1)
        alone = visual_prompts(
            shown[image : image + 1], Drawings(row.filled, row.outlines, row.owners * 0)
        )
        assert torch.equal(found[part], alone[0])


def test_kinds_are_chosen_and_ordered_by_name():
    shown, drawings = noise(1, 3, 16, 16), two_parts()
    whole = visual_prompts(shown, drawings)
    some = visual_prompts(shown, drawings, prompts=["red-blur", "red"])
    assert torch.equal(some, whole[:, [2, 0]])
    with pytest.raises(UsageError, match="red-grey"):
        visual_prompts(shown, drawings, prompts=[])


def test_luma_is_that_of_pil_to_within_a_level():
    shown = noise(1, 3, 40, 40)
    by_hand = shown[0].permute(1, 2, 0).double() @ torch.tensor([0.299, 0.587, 0.114]).double()
    assert (grey(shown)[0].double() - by_hand).abs().max() <= 0.5 + 1e-9


@pytest.mark.parametrize("size", [(40, 31), (3, 9), (1, 1), (2, 6)])
def test_the_blur_is_a_gaussian_of_deviation_2_mirrored_at_the_border(size):
    shown = noise(2, 3, *size)
    bell = np.exp(-(np.arange(-5, 6) ** 2) / 8)
    bell /= bell.sum()
    expected = shown.numpy().astype(float)
    for axis in (2, 3):
        expected = ndimage.correlate1d(expected, bell, axis=axis, mode="mirror")
    difference = np.abs(blurred(shown).numpy() - expected)
    assert difference.max() < 0.501


def test_a_blur_of_one_pixel_changes_nothing_and_an_even_one_is_refused():
    shown = noise(1, 3, 8, 8)
    assert torch.equal(blurred(shown, kernel=1), shown)
    with pytest.raises(UsageError, match="odd"):
        blurred(shown, kernel=4)


def test_a_mean_of_unit_vectors_by_hand():
    found = mean_embeddings(torch.tensor([[[3.0, 0.0], [0.0, 0.5]], [[2.0, 0.0], [9.0, 0.0]]]))
    assert_close(found, torch.tensor([[0.5, 0.5], [1.0, 0.0]]))


def encode(pixels):
    return pixels.flatten(1)[:, :7].clone() + pixels.mean(dim=(1, 2, 3))[:, None]


def test_few_at_a_time_give_what_all_at_once_give():
    shown, drawings, how = noise(2, 3, 16, 16), two_parts(images=(0, 0, 1)), Preprocessing(16)
    found = [
        embedded_parts(encode, shown, drawings, how=how, at_once=count) for count in (1, 2, 99)
    ]
    assert found[0].shape == (3, 7)
    for other in found[1:]:
        assert_close(other, found[0])
    prompts = visual_prompts(shown, drawings)
    by_hand = [encode(normalised(part, how)) for part in prompts]
    assert_close(found[0], mean_embeddings(torch.stack(by_hand)))
    assert prompts.shape[1] == len(PROMPTS)


def test_no_parts_have_no_embeddings_but_their_length():
    nothing = Drawings(*(np.zeros((0, 16, 16), dtype=bool),) * 2, np.zeros(0, dtype=np.int64))
    found = embedded_parts(encode, noise(1, 3, 16, 16), nothing, how=Preprocessing(16))
    assert found.shape == (0, 7)
    assert visual_prompts(noise(1, 3, 16, 16), nothing).shape == (0, 3, 3, 16, 16)


def test_pictures_of_the_field_are_the_stored_ones():
    stored = arrays("crf")
    found = pictures(torch.from_numpy(stored["images"]), CLIP, protocol="published")
    assert np.array_equal(found.permute(0, 2, 3, 1).numpy(), stored["images_uint8"])
