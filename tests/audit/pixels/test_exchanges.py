import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from tests.audit.pixels.pictures import EMPTY, chance, disc, on_ground, scene

from seewhy.audit.pixels.borders import border
from seewhy.audit.pixels.cutouts import main_colour, taken_apart
from seewhy.audit.pixels.donors import Donor
from seewhy.audit.pixels.exchanges import (
    EXCHANGES,
    Exchanged,
    exchange_border,
    exchange_colour,
    exchange_outline,
    exchange_position,
    exchange_size,
    exchange_texture,
    exchanges,
)
from seewhy.data.records import ImageRecord
from seewhy.data.scenes import DIGITS, draw_scene, random_scene

BY_NAME = {name: change for name, (_, change) in EXCHANGES.items()}
OF_OBJECTS = [name for name in BY_NAME if "background" not in name and name != "other border"]
OF_PAINT = ["other object colour", "other object texture"]
OF_BACKGROUNDS = ["other background colour", "other background texture"]
SHAPES = [
    each for each in map(random_scene, map(chance, range(30))) if each.objects[0].kind not in DIGITS
]
SCENES = [draw_scene(each).image for each in SHAPES]
PAIRS = [image for image in SCENES if taken_apart(image).has_both][:12]
RECORDS = [
    ImageRecord(id=str(place), read=lambda image=image: image) for place, image in enumerate(PAIRS)
]
NAMES, PLACES = sampled_from(sorted(BY_NAME)), integers(0, len(PAIRS) - 1)


def exchanged(name, image, donor):
    return np.asarray(BY_NAME[name](image, Donor(donor))).astype(int)


def difference(after, image):
    return np.abs(after - np.asarray(image).astype(int)).max(axis=2)


@given(name=NAMES, own=PLACES, other=PLACES)
@settings(max_examples=30)
def test_size_mode_and_the_given_image_stay(name, own, other):
    before = PAIRS[own].tobytes()
    after = BY_NAME[name](PAIRS[own], Donor(PAIRS[other]))
    assert (after.size, after.mode) == (PAIRS[own].size, "RGB")
    assert PAIRS[own].tobytes() == before
    assert_array_equal(np.asarray(after), exchanged(name, PAIRS[own], PAIRS[other]))


@given(name=NAMES, own=PLACES)
@settings(max_examples=30)
def test_an_exchange_with_itself_changes_almost_nothing(name, own):
    change = difference(exchanged(name, PAIRS[own], PAIRS[own]), PAIRS[own])
    assert (change > 60).mean() < 0.03


@given(name=sampled_from(OF_OBJECTS), own=PLACES, other=PLACES)
@settings(max_examples=25)
def test_other_objects_leave_the_background_where_no_object_was_or_is(name, own, other):
    parts = taken_apart(PAIRS[own])
    after = exchanged(name, PAIRS[own], PAIRS[other])
    same = difference(after, PAIRS[own]) == 0
    painted = parts.object if name in OF_PAINT else parts.wide | ~parts.background
    outside = ~painted
    if name not in OF_PAINT:
        new = taken_apart(Image.fromarray(after.astype(np.uint8)))
        outside &= ~new.wide
    assert same[outside].mean() > 0.9
    assert same[parts.marks].all()


@given(name=sampled_from([*OF_BACKGROUNDS, "other border"]), own=PLACES, other=PLACES)
@settings(max_examples=25)
def test_other_backgrounds_and_borders_leave_the_object(name, own, other):
    parts = taken_apart(PAIRS[own])
    after = exchanged(name, PAIRS[own], PAIRS[other])
    kept = parts.core & ~border(parts.core.shape, 8)
    assert (difference(after, PAIRS[own])[kept] == 0).all()


@pytest.mark.parametrize("layer", ["object", "background"])
def test_the_colour_becomes_the_donors_and_the_shades_stay(layer):
    image, _ = scene(colour="red", texture="striped", background_texture="checkered", tint=0.0)
    donor, _ = scene(colour="yellow", background_colour="green", tint=0.0)
    parts, other = taken_apart(image), Donor(donor)
    after = np.asarray(exchange_colour(image, other, layer=layer))
    inner = parts.core if layer == "object" else parts.behind
    assert_allclose(main_colour(after, inner), other.colours[layer], atol=4)
    grey = [np.asarray(Image.fromarray(p).convert("L"), float) for p in (parts.pixels, after)]
    assert np.corrcoef(grey[0][inner], grey[1][inner])[0, 1] > 0.99


@pytest.mark.parametrize("level", [0, 120, 255])
def test_black_grey_and_white_take_and_give_colours(level):
    grey = on_ground(disc(), colour=(level,) * 3, ground=(200, 90, 40))
    green = on_ground(disc(radius=10), colour=(40, 200, 60), ground=(200, 90, 40))
    core = taken_apart(grey).core
    taken = np.asarray(exchange_colour(grey, Donor(green), layer="object"))
    given_ = np.asarray(exchange_colour(green, Donor(grey), layer="object"))
    assert_allclose(taken[core], np.broadcast_to((40, 200, 60), taken[core].shape), atol=1)
    assert_allclose(given_[taken_apart(green).core], level, atol=1)


@pytest.mark.parametrize("layer", ["object", "background"])
def test_the_texture_becomes_the_donors_and_the_colour_stays(layer):
    image, _ = scene(kind="square", colour="red", background_colour="blue", tint=0.0)
    settings = {"texture": "striped", "background_texture": "checkered", "tint": 0.0}
    donor, _ = scene(kind="square", colour="yellow", background_colour="green", **settings)
    parts, other = taken_apart(image), Donor(donor)
    after = np.asarray(exchange_texture(image, other, layer=layer))
    inner = parts.core if layer == "object" else parts.behind
    assert_allclose(main_colour(after, inner), Donor(image).colours[layer], atol=12)
    grey = [np.asarray(Image.fromarray(p).convert("L"), float) for p in (other.parts.pixels, after)]
    both = inner & (other.parts.core if layer == "object" else other.parts.behind)
    assert np.corrcoef(grey[0][both], grey[1][both])[0, 1] > 0.98


def mask_of(image):
    return np.abs(np.asarray(image).astype(int) - (220, 40, 30)).max(axis=2) < 40


def lengths(mask):
    return np.ptp(np.argwhere(mask), axis=0) + 1


@pytest.mark.parametrize(("own", "other"), [(8, 20), (20, 8), (12, 16)])
def test_the_size_becomes_the_donors_and_the_place_stays(own, other):
    image = on_ground(disc(radius=own, centre=(32, 32)))
    donor = on_ground(disc(128, radius=2 * other, centre=(50, 70)), colour=(9, 9, 9))
    after = mask_of(exchange_size(image, Donor(donor)))
    assert_allclose(lengths(after), 2 * other, atol=1)
    assert_allclose(np.argwhere(after).mean(axis=0), 31.5, atol=0.6)


@pytest.mark.parametrize("place", [(14, 14), (50, 20), (32, 48)])
def test_the_place_becomes_the_donors_and_the_size_stays(place):
    image = on_ground(disc(radius=10, centre=(30, 36)))
    donor = on_ground(disc(128, radius=9, centre=(2 * place[0], 2 * place[1])))
    after = mask_of(exchange_position(image, Donor(donor)))
    assert_allclose(np.argwhere(after).mean(axis=0) + 0.5, place, atol=0.6)
    assert after.sum() == mask_of(image).sum()


def test_the_outline_becomes_the_donors_in_place_and_size():
    image = on_ground(disc(radius=12, centre=(30, 36)))
    square = np.zeros((128, 128), bool)
    square[10:50, 20:60] = True
    after = mask_of(exchange_outline(image, Donor(on_ground(square, colour=(9, 9, 9)))))
    expected = np.zeros((64, 64), bool)
    expected[18:42, 24:48] = True
    assert (after ^ expected).mean() < 0.01


@pytest.mark.parametrize("before", ["none", "frame", "corner"])
@pytest.mark.parametrize("given_", ["none", "frame", "corner"])
def test_the_marks_become_the_donors(before, given_):
    image, donor = scene(mark=before, tint=0.0)[0], scene(96, mark=given_, tint=0.0)[0]
    after = exchange_border(image, Donor(donor))
    unmarked, _ = scene(mark="none", tint=0.0)
    wanted = taken_apart(scene(mark=given_)[0]).marks
    assert_array_equal(taken_apart(after).marks, wanted)
    assert (difference(np.asarray(after).astype(int), unmarked)[~wanted] > 30).mean() < 0.03


def through(name, image, donor):
    return Exchanged(BY_NAME[name], (Donor(donor),))(image, chance())


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_without_an_object_in_either_the_image_comes_back(name):
    image = PAIRS[0]
    assert through(name, EMPTY, image) is EMPTY
    assert through(name, image, EMPTY) is image


ALL_BORDERS = np.abs(np.mgrid[-31.5:32, -31.5:32]).sum(axis=0) <= 32


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_any_two_pictures_will_do(name):
    noise = Image.fromarray(chance().integers(0, 256, (30, 50, 3), dtype=np.uint8))
    pictures = [
        Image.new("RGB", (1, 1)),
        on_ground(disc(8, radius=2, centre=(4, 4))),
        on_ground(ALL_BORDERS),
        PAIRS[1].convert("L").convert("RGB"),
        PAIRS[2].resize((150, 40)),
        PAIRS[3].resize((9, 200)),
        noise,
    ]
    for image in pictures:
        for donor in pictures:
            after = through(name, image, donor)
            assert (after.size, after.mode) == (image.size, "RGB")


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_an_object_from_border_to_border_is_exchanged(name):
    bar = np.zeros((64, 64), bool)
    bar[:, 26:38] = True
    donor = on_ground(disc(radius=8), colour=(20, 220, 90), ground=(200, 200, 40))
    if name == "other object texture":
        donor, _ = scene(kind="square", texture="checkered", tint=0.0)
    after = np.asarray(through(name, on_ground(bar), donor))
    assert 0.02 < (after != np.asarray(on_ground(bar))).any(axis=2).mean() < 0.3


@pytest.mark.parametrize("name", ["other object colour", "other size"])
def test_a_picture_larger_than_1024_pixels_changes_like_a_smaller_one(name):
    small = on_ground(disc(96, radius=20, centre=(40, 50)))
    donor = on_ground(disc(radius=8), colour=(20, 220, 90))
    large = small.resize((1536, 1536), Image.Resampling.NEAREST)
    after, expected = through(name, large, donor), through(name, small, donor)
    assert after.size == large.size
    back = np.asarray(after.resize((96, 96), Image.Resampling.BOX)).astype(int)
    assert (difference(back, expected) > 60).mean() < 0.02


def test_an_audit_has_every_exchange_and_its_digest_knows_the_donors():
    all_of_them = exchanges(RECORDS, seed=3)
    assert [change.name for change in all_of_them] == list(EXCHANGES)
    assert len({change.facts for change in all_of_them}) == 1
    assert exchanges(RECORDS, seed=3)[0].facts == all_of_them[0].facts
    assert exchanges(RECORDS[1:], seed=3)[0].facts != all_of_them[0].facts


@pytest.mark.parametrize("count", [0, 1])
def test_one_image_has_nobody_to_exchange_with(count):
    assert exchanges(RECORDS[:count], seed=0) == ()


def test_changes_are_the_same_each_time_and_travel_to_other_processes():
    fresh = pickle.dumps(exchanges(RECORDS, seed=1))
    changes = exchanges(RECORDS, seed=1)
    for change in changes:
        after = change.apply(PAIRS[0], seed=1, sample="a")
        (again,) = (each for each in pickle.loads(fresh) if each.name == change.name)
        assert_array_equal(np.asarray(again.apply(PAIRS[0], seed=1, sample="a")), np.asarray(after))
    assert len(pickle.dumps(changes)) == len(fresh)


def test_the_donor_is_drawn_at_random():
    change = exchanges(RECORDS, seed=1)[0]
    assert len({change.apply(PAIRS[0], seed=1, sample=str(k)).tobytes() for k in range(8)}) > 2
