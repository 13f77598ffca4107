import re

from seewhy.results.palette import DARK, LIGHT, colour_index, palette_styles


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_labels_in_any_colour_can_be_read():
    assert min(contrast(colour, "#ffffff") for colour in LIGHT) >= 4.0
    assert min(contrast(colour, "#181c23") for colour in DARK) >= 4.5


def test_colours_differ_and_come_again():
    assert len(set(LIGHT)) == len(set(DARK)) == len(LIGHT) == len(DARK)
    assert colour_index(len(LIGHT) + 2) == 2


def test_every_colour_is_a_variable_in_both_themes():
    styles = palette_styles()
    for number in range(len(LIGHT)):
        assert len(re.findall(rf"--c{number}:#", styles)) == 2
        assert f".c{number}{{color:var(--c{number})}}" in styles
