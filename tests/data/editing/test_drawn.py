from collections import Counter

import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.data.editing.corruption import CorruptionRates
from seewhy.data.editing.drawn import HIDDEN_INK, drawn_edit, drawn_edits, edit_scene, edit_scenes
from seewhy.data.editing.facts import EDIT_SPLITS, EditFacts
from seewhy.data.scenes import COLOURS, INKS, draw_scene

SCENES = {split: list(edit_scenes(400, seed=2, split=split)) for split in EDIT_SPLITS}


def shares(values, count):
    return {value: number / count for value, number in Counter(values).items()}


def nearest(colour):
    return min(INKS, key=lambda name: float(np.abs(np.array(INKS[name]) - colour).sum()))


def seen(scene):
    """What the picture shows of each object: its colour by its pixels, its shape and its place."""
    drawn = draw_scene(scene.scene)
    for item, mask in zip(scene.scene.objects, drawn.masks, strict=True):
        rows, cols = np.nonzero(mask)
        colour = nearest(np.median(drawn.pixels[mask].astype(float), axis=0))
        yield colour, item.kind, ((cols.min() + cols.max()) / 2, (rows.min() + rows.max()) / 2)


def direction(first, second):
    (x1, y1), (x2, y2) = first, second
    if abs(x1 - x2) > abs(y1 - y2):
        return "left of" if x1 < x2 else "right of"
    return "above" if y1 < y2 else "below"


def told_by_both(scene, caption):
    """The truth from a corrupted caption and the picture, knowing neither facts nor corruptions."""
    one, other = seen(scene)
    first, second = (one, other) if other[0] == HIDDEN_INK else (other, one)
    hidden = [word for word in caption if word in COLOURS][-1]
    return EditFacts(first[0], first[1], direction(first[2], second[2]), hidden, second[1])


@pytest.mark.parametrize("split", EDIT_SPLITS)
def test_caption_and_picture_together_tell_the_truth(split):
    always = CorruptionRates(corrupted=1.0, twice=1.0)
    for number, scene in enumerate(SCENES[split][:150]):
        caption = drawn_edit(number, seed=2, split=split, rates=always).caption
        assert told_by_both(scene, caption).words == scene.truth


def test_exactly_one_object_shows_a_colour_and_it_is_the_first_of_the_caption():
    for scene in SCENES["train"]:
        shown = [item.colour for item in scene.scene.objects]
        assert sorted(shown) == sorted([HIDDEN_INK, scene.facts.colour])
        kinds = {item.colour: item.kind for item in scene.scene.objects}
        assert kinds[scene.facts.colour] == scene.facts.kind
        assert kinds[HIDDEN_INK] == scene.facts.other_kind


def test_the_picture_does_not_depend_on_the_hidden_colour():
    """Over all pictures, what is drawn goes with the hidden colour no more than by chance."""
    table = Counter((s.facts.other_colour, s.facts.colour) for s in SCENES["train"])
    assert all(INKS[HIDDEN_INK] != INKS[colour] for colour in COLOURS)
    # 400 pictures in 64 cells: 6.25 each; 20 has a probability below 1e-5 in any of them.
    assert max(table.values()) < 20


def test_relations_hold_by_far():
    for scene in (scene for scenes in SCENES.values() for scene in scenes):
        first, second = sorted(scene.scene.objects, key=lambda item: item.colour == HIDDEN_INK)
        along = abs(first.centre[0] - second.centre[0])
        across = abs(first.centre[1] - second.centre[1])
        if scene.facts.relation in ("above", "below"):
            along, across = across, along
        assert direction(first.centre, second.centre) == scene.facts.relation
        assert along > 3 * across
        assert along > 0.3


def test_objects_lie_inside_the_picture_and_apart():
    for scene in SCENES["train"][:150]:
        drawn = draw_scene(scene.scene)
        edge = np.concatenate(
            [drawn.masks[:, side, :] for side in (0, -1)]
            + [drawn.masks[:, :, side] for side in (0, -1)]
        )
        assert not edge.any()
        assert not drawn.masks.all(axis=0).any()


def test_boxes_hold_their_object_and_nothing_of_the_other():
    for scene in SCENES["train"][:150]:
        drawn = draw_scene(scene.scene)
        for number, (left, top, right, bottom) in enumerate(scene.boxes):
            inside = np.zeros((64, 64), dtype=bool)
            inside[
                int(np.floor(top * 64)) : int(np.ceil(bottom * 64)),
                int(np.floor(left * 64)) : int(np.ceil(right * 64)),
            ] = True
            assert (drawn.masks[number] & inside).sum() >= 0.99 * drawn.masks[number].sum()
            assert (drawn.masks[1 - number] & inside).sum() <= 0.02 * drawn.masks[1 - number].sum()


def test_boxes_do_not_tell_the_shape_nor_their_order_the_object():
    first = [scene.scene.objects[0].colour != HIDDEN_INK for scene in SCENES["train"]]
    assert 0.4 < np.mean(first) < 0.6
    for scene in SCENES["train"]:
        for item, (left, top, right, bottom) in zip(scene.scene.objects, scene.boxes, strict=True):
            reach = 1.1 * item.radius
            x, y = item.centre
            assert (left, top) == pytest.approx((max(x - reach, 0), max(y - reach, 0)))
            assert (right, bottom) == pytest.approx((min(x + reach, 1), min(y + reach, 1)))


def test_splits_show_other_pictures_of_other_facts():
    facts = [{scene.facts for scene in SCENES[split]} for split in EDIT_SPLITS]
    assert not facts[0] & facts[1]
    assert not facts[0] & facts[2]
    assert not facts[1] & facts[2]
    pictures = {scene.image().tobytes() for scenes in SCENES.values() for scene in scenes[:100]}
    assert len(pictures) == 300


def test_every_colour_shape_and_relation_is_about_as_frequent():
    facts = [scene.facts for scene in SCENES["train"]]
    # Four standard deviations of 400 draws.
    for values, count in (
        ((each.colour for each in facts), 8),
        ((each.other_colour for each in facts), 8),
        ((each.kind for each in facts), 6),
        ((each.other_kind for each in facts), 6),
        ((each.relation for each in facts), 4),
    ):
        found = shares(values, 400)
        spread = 4 * (1 / count * (1 - 1 / count) / 400) ** 0.5
        assert len(found) == count
        assert all(abs(share - 1 / count) < spread for share in found.values())


def test_a_record_depends_on_number_seed_split_and_epoch_alone():
    records = list(drawn_edits(30, seed=4, split="test"))
    assert records == [drawn_edit(number, seed=4, split="test") for number in range(30)]
    assert records[3].read().tobytes() == drawn_edit(3, seed=4, split="test").read().tobytes()
    assert len({record.id for record in records}) == 30
    other = list(drawn_edits(30, seed=5, split="test"))
    assert all(one.truth != two.truth for one, two in zip(records[:5], other[:5], strict=True))


def test_another_epoch_has_the_same_pictures_with_other_faults():
    first, second = (list(drawn_edits(60, epoch=epoch)) for epoch in (0, 1))
    assert [each.truth for each in first] == [each.truth for each in second]
    assert [each.boxes for each in first] == [each.boxes for each in second]
    assert sum(one.caption != two.caption for one, two in zip(first, second, strict=True)) > 30


def test_a_record_holds_its_scene():
    scene = edit_scene(7, seed=1)
    record = drawn_edit(7, seed=1)
    assert record.id == scene.id
    assert record.truths == (scene.truth,) == (record.truth,)
    assert record.boxes == scene.boxes
    assert record.read().size == (64, 64)
    assert scene.image(96).size == (96, 96)
    assert bool(record.corruptions) == (record.caption != record.truth)


@pytest.mark.parametrize("make", [edit_scenes, drawn_edits])
def test_no_pictures_are_refused(make):
    with pytest.raises(UsageError, match="at least 1"):
        make(0)
