import pytest
from tests.similarity.examples import SIDE, colour_encoder, question, quick

from seewhy.base.errors import UsageError
from seewhy.models.image_encoders import ImageEncoder
from seewhy.similarity.asking import asked_pairs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ()}, "none, or one comes twice"),
        ({"methods": ("occlusion", "occlusion")}, "none, or one comes twice"),
        ({"methods": ("oclusion",)}, "occlusion"),
    ],
)
def test_wrong_methods_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        question(quick(**changes))


def test_cams_need_maps_and_say_so_before_any_image_is_read():
    with pytest.raises(UsageError, match="names no submodule with maps"):
        question(site=None)
    asked = question(quick(methods=("occlusion",)), site=None)
    assert not asked.has_maps
    assert "No counterparts" in asked.notes[-1]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({}, ["matched-gradient", "occlusion"]), ({"site": None}, ["occlusion"])],
    ids=["maps", "no maps"],
)
def test_by_default_an_occlusion_stands_beside_what_needs_maps(options, wanted):
    asked = question(quick(methods=None), **options)
    assert [method.name for method in asked.methods] == wanted


def test_a_preprocessing_without_a_way_back_is_refused():
    known = colour_encoder()
    own = ImageEncoder(known.module, preprocess=known.preprocess, name="own")
    with pytest.raises(UsageError, match="way back is unknown"):
        asked_pairs(own, quick())


def test_framing_and_size_change_what_is_shown_and_the_question():
    cut, whole = (
        question(quick(framing=framing), resize="shortest") for framing in ("model", "whole")
    )
    assert cut.placement((80, 40)).corner == (0, SIDE // 2)
    assert whole.placement((80, 40)).corner == (0, 0)
    large = question(quick(size=64))
    assert large.placement((80, 40)).window == (64, 64)
    assert len({each.digest() for each in (cut, whole, large)}) == 3
    assert cut.digest() == question(quick(), resize="shortest").digest()
