import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers

from seewhy.base.errors import UsageError
from seewhy.models.colours import ColourSegmenter
from seewhy.models.protocols import PointSegmenter


def asked(image, on, beside, *, several=True):
    segmenter = ColourSegmenter()
    segmenter.set_image(image)
    places = np.array([*on, *beside], dtype=np.float32)
    labels = np.array([1] * len(on) + [0] * len(beside))
    return segmenter.predict(places, labels, multimask_output=several)


def two_discs():
    """Two red squares on blue; the second is the same colour elsewhere."""
    image = np.zeros((20, 30, 3), dtype=np.uint8)
    image[:, :, 2] = 200
    image[5:10, 3:8] = (220, 10, 10)
    image[12:17, 22:27] = (220, 10, 10)
    return image


def test_it_is_a_segmenter():
    assert isinstance(ColourSegmenter(), PointSegmenter)


def test_colour_alone_finds_all_that_looks_like_the_points():
    image = two_discs()
    masks, scores, logits = asked(image, [(5, 7)], [(20, 3)])
    np.testing.assert_array_equal(masks[0], image[:, :, 0] > 100)
    assert (masks.shape, scores.shape, logits.shape) == ((3, 20, 30), (3,), (3, 20, 30))
    np.testing.assert_array_equal(masks, logits > 0)


def test_place_tells_things_of_one_colour_apart():
    image = two_discs()
    masks, _, _ = asked(image, [(5, 7)], [(24, 14), (20, 3)])
    near = masks[2]
    assert near[7, 5]
    assert not near[14, 24]


@given(seed=integers(0, 2**16))
def test_points_lie_on_their_own_side(seed):
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, size=(6, 7, 3), dtype=np.uint8)
    places = generator.permutation(42)[:6]
    points = [(int(place % 7), int(place // 7)) for place in places]
    masks, _, _ = asked(image, points[:3], points[3:])
    assert all(mask[y, x] for mask in masks for x, y in points[:3])
    assert not any(mask[y, x] for mask in masks for x, y in points[3:])


def test_one_mask_is_that_of_the_highest_score():
    masks, scores, _ = asked(two_discs(), [(5, 7)], [(20, 3)])
    (one,), (score,), _ = asked(two_discs(), [(5, 7)], [(20, 3)], several=False)
    assert score == scores.max()
    np.testing.assert_array_equal(one, masks[scores.argmax()])


def test_what_it_cannot_do_without():
    with pytest.raises(UsageError, match="set an image"):
        ColourSegmenter().predict(
            np.zeros((2, 2), dtype=np.float32), np.array([0, 1]), multimask_output=True
        )
    with pytest.raises(UsageError, match="beside it"):
        asked(two_discs(), [(1, 1)], [])
