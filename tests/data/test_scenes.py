from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from numpy.testing import assert_array_equal
from scipy.ndimage import binary_erosion
from scipy.stats import chi2_contingency

from seewhy.data.digits import digit_indices, load_digit_glyphs
from seewhy.data.scenes import (
    BACKGROUNDS,
    COLOURS,
    DIGITS,
    INKS,
    KINDS,
    MARKS,
    POSITIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    Scene,
    SceneObject,
    draw_scene,
    random_object,
    random_scene,
)


def one_object(kind="circle", colour="red", **changes):
    item = SceneObject(
        kind=kind,
        colour=colour,
        texture="plain",
        size="large",
        position="center",
        centre=(0.5, 0.5),
        radius=0.33,
    )
    return replace(item, **changes)


def distance(pixels, colour):
    return np.abs(pixels.astype(float) - np.array(colour)).max(axis=-1)


@given(
    kind=sampled_from(KINDS), colour=sampled_from(sorted(COLOURS)), angle=sampled_from([0.0, 0.2])
)
@settings(max_examples=40)
def test_a_mask_is_where_the_picture_has_more_of_the_object_than_of_the_background(
    kind, colour, angle
):
    drawn = draw_scene(Scene((one_object(kind, colour, angle=angle),), "black"))
    # Along the line between two colours, the coverage of a pixel is its position on the line.
    ink, ground = np.array(COLOURS[colour], float), np.array(BACKGROUNDS["black"], float)
    covered = (drawn.pixels - ground) @ (ink - ground) / ((ink - ground) @ (ink - ground))
    is_clear = np.abs(covered - 0.5) > 0.02
    assert_array_equal(drawn.masks[0][is_clear], (covered > 0.5)[is_clear])
    line = ground + np.clip(covered, 0, 1)[..., None] * (ink - ground)
    assert np.abs(drawn.pixels - line).max() <= 1.0


@pytest.mark.parametrize("kind", SHAPES)
def test_inside_a_plain_shape_every_pixel_has_its_exact_colour(kind):
    drawn = draw_scene(Scene((one_object(kind, "purple"),), "grey"))
    inside = binary_erosion(drawn.masks[0], np.ones((5, 5)))
    outside = binary_erosion(~drawn.masks[0], np.ones((5, 5)))
    assert inside.sum() > 100
    assert (drawn.pixels[inside] == COLOURS["purple"]).all()
    assert (drawn.pixels[outside] == BACKGROUNDS["grey"]).all()


def area(kind, **changes):
    return draw_scene(Scene((one_object(kind, **changes),), "black"), 128).masks[0].mean()


def test_shapes_have_the_areas_of_geometry():
    radius = 0.33
    assert area("circle") == pytest.approx(np.pi * radius**2, rel=0.02)
    assert area("square") == pytest.approx((2 * 0.88 * radius) ** 2, rel=0.02)
    assert area("ring") == pytest.approx(np.pi * radius**2 * (1 - 0.55**2), rel=0.02)
    assert area("cross") == pytest.approx(4 * radius**2 * (2 * 0.33 - 0.33**2), rel=0.03)
    assert area("triangle") == pytest.approx(0.75 * 3**0.5 * (1.1 * radius) ** 2, rel=0.02)
    star = 10 * 0.5 * 1.1 * 0.45 * np.sin(np.pi / 5) * radius**2
    assert area("star") == pytest.approx(star, rel=0.03)


@pytest.mark.parametrize("kind", ["circle", "square", "star", "3"])
def test_area_grows_with_the_square_of_the_radius(kind):
    assert area(kind, radius=0.36) / area(kind, radius=0.18) == pytest.approx(4, rel=0.06)


def test_a_turned_square_keeps_its_area_and_a_turned_circle_its_place():
    assert area("square", angle=0.2) == pytest.approx(area("square"), rel=0.03)
    straight = draw_scene(Scene((one_object("circle"),), "black")).masks
    turned = draw_scene(Scene((one_object("circle", angle=0.2),), "black")).masks
    assert (straight != turned).mean() < 0.005


@given(x=integers(35, 65), y=integers(35, 65), kind=sampled_from(["circle", "square", "cross"]))
@settings(max_examples=20)
def test_the_mask_of_a_symmetric_shape_has_its_middle_at_the_centre(x, y, kind):
    item = one_object(kind, centre=(x / 100, y / 100), radius=0.25)
    rows, cols = np.nonzero(draw_scene(Scene((item,), "black")).masks[0])
    assert (cols.mean() + 0.5) / 64 == pytest.approx(x / 100, abs=0.01)
    assert (rows.mean() + 0.5) / 64 == pytest.approx(y / 100, abs=0.01)


def test_a_handwritten_digit_is_where_its_glyph_has_ink():
    index = next(i for i in digit_indices("train") if load_digit_glyphs()[1][i] == 0)
    glyph = load_digit_glyphs()[0][index]
    # At this radius one glyph pixel of the padded 10 x 10 glyph is eight pixels of the picture.
    item = one_object("0", glyph=index, radius=0.4)
    mask = draw_scene(Scene((item,), "black"), 80).masks[0]
    assert_array_equal(mask[12:68:8, 12:68:8][1:, 1:].shape, (6, 6))
    blocks = mask[8:72, 8:72].reshape(8, 8, 8, 8).mean(axis=(1, 3))
    assert np.corrcoef(blocks.ravel(), glyph.ravel() > 127)[0, 1] > 0.85


def test_printed_digits_differ_from_each_other_and_from_handwriting():
    masks = [draw_scene(Scene((one_object(kind),), "black")).masks[0] for kind in DIGITS]
    pairs = [(a != b).mean() for i, a in enumerate(masks) for b in masks[:i]]
    assert min(pairs) > 0.02
    index = next(i for i in digit_indices("train") if load_digit_glyphs()[1][i] == 4)
    written = draw_scene(Scene((one_object("4", glyph=index),), "black")).masks[0]
    assert (written != masks[4]).mean() > 0.02


def test_later_objects_cover_earlier_ones():
    below = one_object("square", "red", radius=0.4)
    above = one_object("circle", "green", radius=0.2)
    both = draw_scene(Scene((below, above), "black"))
    alone = [draw_scene(Scene((item,), "black")).masks[0] for item in (below, above)]
    assert_array_equal(both.masks[1], alone[1])
    assert_array_equal(both.masks[0], alone[0] & ~alone[1])
    assert tuple(both.pixels[32, 32]) == COLOURS["green"]
    hidden = draw_scene(Scene((above, below), "black"))
    assert not hidden.masks[0].any()
    assert tuple(hidden.pixels[32, 32]) == COLOURS["red"]


@pytest.mark.parametrize("mark", ["frame", "corner"])
def test_a_mark_covers_objects_in_picture_and_mask(mark):
    scene = Scene((one_object("square", centre=(0.25, 0.25), radius=0.4),), "black")
    free, marked = draw_scene(scene), draw_scene(replace(scene, mark=mark))
    covered = np.ones((64, 64), dtype=bool)
    if mark == "frame":
        covered[4:-4, 4:-4] = False
    else:
        covered[8:] = covered[:, 8:] = False
    assert (marked.pixels[covered] == 235).all()
    assert_array_equal(marked.pixels[~covered], free.pixels[~covered])
    assert_array_equal(marked.masks[0], free.masks[0] & ~covered)


@pytest.mark.parametrize(("background", "ink"), [("black", 235), ("grey", 235), ("white", 20)])
def test_frame_and_corner_have_a_sixteenth_of_the_side_and_stand_out(background, ink):
    plain = draw_scene(Scene((), background)).pixels
    frame = draw_scene(Scene((), background, mark="frame")).pixels
    inner = np.zeros((64, 64), dtype=bool)
    inner[4:-4, 4:-4] = True
    assert_array_equal(frame[inner], plain[inner])
    assert (frame[~inner] == ink).all()
    corner = draw_scene(Scene((), background, mark="corner")).pixels
    assert (corner[:8, :8] == ink).all()
    assert_array_equal(corner[8:], plain[8:])
    assert_array_equal(corner[:, 8:], plain[:, 8:])


@pytest.mark.parametrize("texture", TEXTURES[1:])
@pytest.mark.parametrize(("colour", "shade"), [("red", 0.4), ("white", 0.4)])
def test_a_texture_alternates_between_a_colour_and_its_darker_shade(texture, colour, shade):
    drawn = draw_scene(Scene((one_object("circle", colour, texture=texture),), "black", seed=3))
    inside = drawn.pixels[binary_erosion(drawn.masks[0], np.ones((3, 3)))]
    is_light = distance(inside, COLOURS[colour]) == 0
    is_shaded = distance(inside, shade * np.array(COLOURS[colour])) <= 0.5
    assert (is_light ^ is_shaded).all()
    assert 0.2 < is_light.mean() < 0.8


def test_a_black_background_is_textured_with_a_lighter_shade():
    pixels = draw_scene(Scene((), "black", background_texture="checkered")).pixels
    assert set(np.unique(pixels)) == {10, 55 if pixels.max() == 55 else 56}
    assert 0.4 < (pixels == 10).mean() < 0.6


def test_textures_shift_with_the_seed():
    scenes = [Scene((), "red", background_texture="striped", seed=seed) for seed in (1, 2)]
    assert not np.array_equal(draw_scene(scenes[0]).pixels, draw_scene(scenes[1]).pixels)


@given(seed=integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_the_same_seed_gives_the_same_scene_and_picture(seed):
    scenes = [random_scene(np.random.default_rng(seed), objects=2) for _ in range(2)]
    assert scenes[0] == scenes[1]
    first, second = (draw_scene(scene) for scene in scenes)
    assert_array_equal(first.pixels, second.pixels)
    assert_array_equal(first.masks, second.masks)
    assert_array_equal(np.asarray(first.image), first.pixels)
    assert first.image.mode == "RGB"


def test_drawing_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw_scene(random_scene(np.random.default_rng(0)))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_tint_scatters_colours_around_the_true_one():
    scenes = [Scene((), "grey", tint=0.15, seed=seed) for seed in range(200)]
    means = np.array([draw_scene(scene, 16).pixels.mean(axis=(0, 1)) for scene in scenes])
    assert np.abs(means.mean(axis=0) - 115).max() < 4
    assert means.std(axis=0) == pytest.approx(15, rel=0.2)
    noise = draw_scene(scenes[0], 64).pixels.std(axis=(0, 1))
    assert noise == pytest.approx(40 * 0.15, rel=0.1)


SCENES = [random_scene(np.random.default_rng([5, number])) for number in range(3000)]
ITEMS = [scene.objects[0] for scene in SCENES]


def dependence(first, second):
    """p-value of the chi-squared test of independence of two lists of words."""
    rows, cols = (np.unique(words, return_inverse=True)[1] for words in (first, second))
    table = np.zeros((rows.max() + 1, cols.max() + 1))
    np.add.at(table, (rows, cols), 1)
    return chi2_contingency(table).pvalue


def test_attributes_of_a_shape_are_independent():
    kept = [(scene, item) for scene, item in zip(SCENES, ITEMS, strict=True) if item.kind in SHAPES]
    columns = {
        "kind": [item.kind for _, item in kept],
        "colour": [item.colour for _, item in kept],
        "texture": [item.texture for _, item in kept],
        "size": [item.size for _, item in kept],
        "position": [item.position for _, item in kept],
        "background texture": [scene.background_texture for scene, _ in kept],
        "mark": [scene.mark for scene, _ in kept],
    }
    names = list(columns)
    p_values = [dependence(columns[a], columns[b]) for i, a in enumerate(names) for b in names[:i]]
    assert min(p_values) > 0.05 / len(p_values)


def test_every_value_of_every_attribute_occurs():
    assert {item.kind for item in ITEMS} == set(KINDS)
    assert {item.colour for item in ITEMS} == set(COLOURS)
    assert {item.texture for item in ITEMS} == set(TEXTURES)
    assert {item.size for item in ITEMS} == set(SIZES)
    assert {item.position for item in ITEMS} == set(POSITIONS)
    assert {scene.background_colour for scene in SCENES} == set(BACKGROUNDS)
    assert {scene.background_texture for scene in SCENES} == set(TEXTURES)
    assert {scene.mark for scene in SCENES} == set(MARKS)


def test_an_object_never_has_the_colour_of_its_background():
    assert all(scene.objects[0].colour != scene.background_colour for scene in SCENES)


def test_the_named_size_and_position_are_those_of_the_object():
    for item in ITEMS:
        low, high = SIZES[item.size]
        assert low <= item.radius <= high
        x, y = np.array(item.centre) - 0.5
        assert abs(item.angle) <= 0.2
        along = {"left": -x, "right": x, "top": -y, "bottom": y, "center": 0.2}[item.position]
        across = {"left": y, "right": y, "top": x, "bottom": x, "center": max(abs(x), abs(y))}
        assert along >= 0.08
        assert abs(across[item.position]) <= 0.03


def test_sizes_do_not_overlap():
    ranges = list(SIZES.values())
    assert all(low < high for low, high in ranges)
    assert all(a[1] < b[0] for a, b in pairwise(ranges))


def test_digits_are_plain_not_small_and_written_by_hands_of_their_split():
    values = load_digit_glyphs()[1]
    held_out = [random_scene(np.random.default_rng(n), split="held-out") for n in range(400)]
    for split, scenes in (("train", SCENES), ("held-out", held_out)):
        digits = [scene.objects[0] for scene in scenes if scene.objects[0].kind in DIGITS]
        assert all(item.texture == "plain" and item.size != "small" for item in digits)
        written = [item for item in digits if item.glyph is not None]
        assert {item.glyph for item in written} <= set(digit_indices(split))
        assert all(values[item.glyph] == int(item.kind) for item in written)
        printed = 1 - len(written) / len(digits)
        assert printed == pytest.approx(0.1 if split == "train" else 0.0, abs=0.03)
    assert all(item.glyph is None for item in ITEMS if item.kind in SHAPES)


@given(seed=integers(0, 2**20), objects=integers(2, 3))
@settings(max_examples=50)
def test_several_objects_lie_in_their_own_quarters_and_are_not_large(seed, objects):
    scene = random_scene(np.random.default_rng(seed), objects=objects)
    quarters = {(item.centre[0] > 0.5, item.centre[1] > 0.5) for item in scene.objects}
    assert len(quarters) == len(scene.objects) == objects
    for item in scene.objects:
        assert item.size != "large"
        assert item.position == ""
        assert np.abs(np.abs(np.array(item.centre) - 0.5) - 0.25).max() <= 0.02


@pytest.mark.parametrize("corner", range(4))
def test_corners_count_along_the_rows(corner):
    item = random_object(np.random.default_rng(0), colour="red", corner=corner, kind="ring")
    assert (item.kind, item.colour) == ("ring", "red")
    assert (item.centre[0] > 0.5, item.centre[1] > 0.5) == (corner % 2 == 1, corner >= 2)


def test_grey_is_an_ink_and_no_colour():
    assert "grey" not in COLOURS
    assert {name: INKS[name] for name in COLOURS} == COLOURS
    drawn = draw_scene(Scene((one_object("square", "grey"),), "black"))
    assert distance(drawn.pixels[drawn.masks[0]], INKS["grey"]).max(initial=0) < 80
    assert tuple(drawn.pixels[32, 32]) == INKS["grey"]
    assert min(distance(np.array(INKS["grey"]), INKS[name]) for name in COLOURS) > 60
