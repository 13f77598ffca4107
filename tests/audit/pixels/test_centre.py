import numpy as np
from tests.audit.pixels.pictures import chance, disc, on_ground, overlap

from seewhy.audit.pixels.centre import central_probability, colours_overlap


def as_colours(image):
    return np.asarray(image, dtype=np.float32)


def test_a_colour_of_the_middle_is_told_from_a_noisy_surrounding():
    truth = disc(radius=16, centre=(32, 32))
    pixels = chance().integers(0, 256, (64, 64, 3)).astype(np.float32)
    pixels[truth] = (200, 30, 30)
    probability = central_probability(pixels)
    assert overlap(probability > 0.5, truth) > 0.8
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_the_colour_counts_even_off_the_centre():
    truth = disc(radius=12, centre=(24, 40))
    probability = central_probability(as_colours(on_ground(truth)))
    assert probability[24, 40] > 0.6
    assert probability[44, 20] < 0.3


def test_overlap_is_one_without_and_nothing_with_a_difference_of_colours():
    mask = disc()
    noise = chance().integers(0, 256, (64, 64, 3)).astype(np.float32)
    apart = as_colours(on_ground(mask, colour=(255, 255, 255), ground=(0, 0, 0)))
    assert colours_overlap(np.full((64, 64, 3), 50, np.float32), mask) > 0.999
    assert colours_overlap(apart, mask) < 0.001
    assert 0.4 < colours_overlap(noise, mask) < 1
    assert colours_overlap(noise, np.zeros_like(mask)) == 0
