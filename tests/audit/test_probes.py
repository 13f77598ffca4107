import numpy as np
from numpy.testing import assert_array_equal
from scipy.stats import chi2_contingency

from seewhy.audit.probes import probe_records
from seewhy.data.digits import digit_indices
from seewhy.data.scenes import COLOURS, KINDS, SHAPES

RECORDS = probe_records(600, side=16, seed=3)
SCENES = [record.read.args[0] for record in RECORDS]


def test_probes_have_ids_of_their_own_and_no_labels():
    assert len(RECORDS) == 600
    assert len({record.id for record in RECORDS}) == 600
    assert all(record.label is None and not record.attributes for record in RECORDS)


def test_probes_are_images_of_the_wanted_side():
    for record in RECORDS[:4]:
        image = record.read()
        assert image.mode == "RGB"
        assert image.size == (16, 16)
        assert_array_equal(np.asarray(image), np.asarray(record.read()))


def test_probes_depend_on_the_seed_alone_and_more_of_them_begin_alike():
    again, other = probe_records(4, side=16, seed=3), probe_records(4, side=16, seed=4)
    for first, second in zip(RECORDS, again, strict=False):
        assert first.id == second.id
        assert_array_equal(np.asarray(first.read()), np.asarray(second.read()))
    assert any(
        not np.array_equal(np.asarray(first.read()), np.asarray(second.read()))
        for first, second in zip(RECORDS, other, strict=False)
    )


def test_probes_are_large_and_plain_on_black_near_the_middle():
    for scene in SCENES:
        (item,) = scene.objects
        assert (scene.background_colour, scene.background_texture) == ("black", "plain")
        assert scene.mark == "none"
        assert (item.texture, item.size, item.position) == ("plain", "large", "center")
        assert 0.3 <= item.radius <= 0.5
        assert np.abs(np.array(item.centre) - 0.5).max() <= 0.05


def test_every_colour_goes_with_every_kind_of_object():
    items = [scene.objects[0] for scene in SCENES]
    assert {item.colour for item in items} == set(COLOURS)
    assert {item.kind for item in items} == set(KINDS)
    colours, kinds = sorted(COLOURS), sorted(KINDS)
    table = np.zeros((len(colours), len(kinds)))
    for item in items:
        table[colours.index(item.colour), kinds.index(item.kind)] += 1
    assert chi2_contingency(table).pvalue > 0.01


def test_handwriting_in_probes_is_held_out():
    digits = [s.objects[0] for s in SCENES if s.objects[0].kind not in SHAPES]
    assert {item.glyph for item in digits} <= set(digit_indices("held-out"))
