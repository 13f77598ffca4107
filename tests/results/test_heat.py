import base64
import io

import numpy as np
import pytest
from PIL import Image

from seewhy.results.heat import heat_colours, heat_picture, range_text

BLUE, RED, WHITE = (0x35, 0x66, 0xD6), (0xBD, 0x3F, 0x3A), (255, 255, 255)


def decoded(address):
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def test_colours_say_sign_and_strength():
    colours = heat_colours(np.array([[-2.0, 0.0], [2.0, np.nan], [1.0, -1.0]]))
    assert colours[0].tolist() == [[*BLUE, 255], [*WHITE, 255]]
    assert colours[1, 0].tolist() == [*RED, 255]
    assert colours[1, 1, 3] == 0
    assert colours[2, 0, :3] == pytest.approx(np.add(RED, WHITE) / 2, abs=0.5)
    assert colours[2, 1, :3] == pytest.approx(np.add(BLUE, WHITE) / 2, abs=0.5)


def test_nothing_to_see_is_white():
    assert (heat_colours(np.zeros((2, 2))) == 255).all()
    assert not heat_colours(np.full((2, 2), np.nan))[..., 3].any()


def test_the_picture_is_the_colours():
    values = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(decoded(heat_picture(values)), heat_colours(values))


def test_a_large_map_is_thinned_out():
    assert decoded(heat_picture(np.ones((1200, 30)))).shape == (400, 10, 4)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[-0.2, 0.5]], "from −0.2 (blue) to 0.5 (red); 0 is white"),
        ([[0.0, np.nan]], "from 0 to 0; 0 is white"),
        ([[np.nan]], "unknown everywhere"),
    ],
)
def test_the_range_is_put_in_words(values, words):
    assert range_text(np.array(values)) == words
