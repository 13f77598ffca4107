import numpy as np
import torch

from seewhy.data.digits import digit_indices
from seewhy.data.scenes import COLOURS, DIGITS, SIZES
from seewhy.training import scene_pairs
from seewhy.training.scene_pairs import (
    CATALOGUE,
    SceneStore,
    bare_scene,
    held_out_pairs,
    scene_of,
)


def test_the_catalogue_holds_every_object_that_can_be_told_apart_once():
    assert len(set(CATALOGUE)) == len(CATALOGUE) == 6 * 8 * 4 + 10 * 8
    assert {each.texture for each in CATALOGUE if each.kind in DIGITS} == {"plain"}


def test_a_scene_shows_its_object_on_another_colour_and_in_the_asked_company():
    generator = np.random.default_rng(0)
    for instance in CATALOGUE[::5]:
        crowds = [len(scene_of(instance, generator, company=1.0).objects) for _ in range(12)]
        assert set(crowds) == {2, 3}
        scene = scene_of(instance, generator, company=0.0)
        (item,) = scene.objects
        assert (item.kind, item.colour, item.texture) == (
            instance.kind,
            instance.colour,
            instance.texture,
        )
        assert scene.background_colour != instance.colour


def test_a_bare_scene_shows_nothing_but_the_whole_object():
    generator = np.random.default_rng(0)
    for instance in CATALOGUE[::5]:
        scene = bare_scene(instance, generator)
        (item,) = scene.objects
        assert (item.kind, item.colour, item.texture) == (
            instance.kind,
            instance.colour,
            instance.texture,
        )
        assert scene.background_colour in {"black", "grey"}
        assert SIZES["large"][0] <= item.radius <= SIZES["large"][1]
        assert all(item.radius <= place <= 1 - item.radius for place in item.centre)


def test_handwriting_comes_from_the_asked_split():
    generator = np.random.default_rng(0)
    digit = next(each for each in CATALOGUE if each.kind == "3")
    held_out = set(digit_indices("held-out"))
    for split, is_held_out in (("train", False), ("held-out", True)):
        scenes = [scene_of(digit, generator, split=split) for _ in range(10)]
        glyphs = {item.glyph for scene in scenes for item in scene.objects} - {None}
        assert all((glyph in held_out) == is_held_out for glyph in glyphs)


def test_the_pictures_of_a_pair_share_their_object_and_little_else():
    """Where nothing but the object is alike, its colour is in both pictures and no place is."""
    batch = SceneStore(np.random.default_rng(1), kept=2).batch(60, company=0.0, plain_digits=0.0)
    assert batch.first.shape == batch.second.shape == (60, 3, 64, 64)
    assert 0 <= batch.first.min() <= batch.first.max() <= 1
    palette = torch.tensor(list(COLOURS.values())) / 255

    def share(pictures):
        """Per picture and colour, how much of it has nearly this colour."""
        distance = (pictures[:, None] - palette[None, :, :, None, None]).norm(dim=2)
        return (distance < 0.3).float().mean(dim=(2, 3))

    both = torch.minimum(share(batch.first), share(batch.second)).amax(dim=1)
    crossed = torch.minimum(share(batch.first), share(batch.second).roll(1, dims=0)).amax(dim=1)
    assert both.mean() > 1.5 * crossed.mean()
    assert not any(torch.equal(a, b) for a, b in zip(batch.first, batch.second, strict=True))


def test_bare_scenes_come_in_the_asked_share(monkeypatch):
    """Their four corners are black or grey, which no colour of an object is."""
    few = CATALOGUE[::9]
    monkeypatch.setattr(scene_pairs, "CATALOGUE", few)
    for bare, least, most in ((1.0, 1.0, 1.0), (0.0, 0.0, 0.6)):
        store = SceneStore(np.random.default_rng(1), kept=2)
        for _ in range(30):
            batch = store.batch(len(few), company=1.0, bare=bare, plain_digits=0.0)
        corners = batch.first[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
        is_grey = (corners.amax(dim=1) - corners.amin(dim=1) < 0.02).all(dim=1)
        assert least <= is_grey.float().mean() <= most


def test_plain_digits_are_the_same_in_both_views_and_come_last():
    batch = SceneStore(np.random.default_rng(1), kept=2).batch(20, plain_digits=0.3)
    same = (batch.first == batch.second).flatten(1).all(dim=1)
    assert same.tolist() == [False] * 14 + [True] * 6


def test_scenes_are_drawn_anew_and_the_generator_decides_them():
    first, again, other = (SceneStore(np.random.default_rng(k), kept=2) for k in (1, 1, 2))
    batches = [store.batch(len(CATALOGUE), plain_digits=0.0) for store in (first, again, other)]
    assert torch.equal(batches[0].first, batches[1].first)
    assert not torch.equal(batches[0].first, batches[2].first)
    before = {picture.numpy().tobytes() for view in _views(batches[0]) for picture in view}
    after = {
        picture.numpy().tobytes()
        for view in _views(first.batch(len(CATALOGUE), plain_digits=0.0))
        for picture in view
    }
    quarter = len(CATALOGUE) // 4
    assert 1 <= len(after - before) <= quarter


def _views(batch):
    return batch.first, batch.second


def test_held_out_pairs_show_instances_in_company():
    batch = held_out_pairs(5, seed=3)
    again, other = held_out_pairs(5, seed=3), held_out_pairs(5, seed=4)
    assert torch.equal(batch.second, again.second)
    assert not torch.equal(batch.second, other.second)
    assert batch.first.shape == (5, 3, 64, 64)
