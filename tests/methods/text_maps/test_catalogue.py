import pytest

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.catalogue import MAP_METHODS, map_method
from seewhy.methods.text_maps.framing import Framing
from seewhy.methods.text_maps.method import View

GRID = View(Framing(size=64), "grid")


@pytest.mark.parametrize("name", MAP_METHODS)
def test_a_method_is_called_what_the_catalogue_calls_it(name):
    assert map_method(name).name == name
    assert map_method(name, view=GRID).view == GRID


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"Nearest: maskclip.*There are: clip-surgery, raw"):
        map_method("mask-clip")
