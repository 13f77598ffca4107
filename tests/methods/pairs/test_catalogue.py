import pytest
import torch
from tests.methods.pairs.golden import golden_encoder, views

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.catalogue import PAIR_METHODS, pair_method
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder


@pytest.mark.parametrize("name", PAIR_METHODS)
def test_every_method_maps_a_pair_and_leaves_the_model_as_found(name):
    encoder = golden_encoder()
    encoder.module.train()
    before = fingerprint(encoder.module)
    found = pair_method(name).maps(encoder, *views(0))
    assert fingerprint(encoder.module) == before
    shown = found.at_pixels((48, 48), (48, 48))
    for maps in (shown.first, shown.second):
        assert maps.shape == (1, 48, 48)
        assert maps.isfinite().all()
    assert not found.notes
    assert abs(float(found.similarity[0]) - 0.53918725) < 1e-5


@pytest.mark.parametrize("name", PAIR_METHODS)
def test_exchanging_the_views_exchanges_the_maps(name):
    if name in ("pairwise-occlusion", "averaged-transforms"):
        pytest.skip("draws and the way between the views are not symmetric")
    first, second = views(1)
    method = pair_method(name)
    one, other = (
        method.maps(golden_encoder(), *pair) for pair in ((first, second), (second, first))
    )
    torch.testing.assert_close(one.first, other.second, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(one.second, other.first, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", PAIR_METHODS)
def test_no_method_forgets_its_protocol(name):
    assert pair_method(name).protocol == "mended"
    assert pair_method(name, protocol="published").protocol == "published"


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Nearest: smooth-grad"):
        pair_method("smoothgrad")


@pytest.mark.parametrize("name", PAIR_METHODS)
def test_a_method_is_called_what_it_is_asked_for(name):
    assert pair_method(name).name == name


@pytest.mark.parametrize("name", PAIR_METHODS)
def test_only_methods_that_say_so_need_maps(name):
    encoder = golden_encoder()
    mapless = ImageEncoder(encoder.module, preprocess=encoder.preprocessing)
    method = pair_method(name)
    if method.needs_maps:
        with pytest.raises(UsageError, match="names no submodule with maps"):
            method.maps(mapless, *views(0))
    else:
        assert method.maps(mapless, *views(0)).first.isfinite().all()
