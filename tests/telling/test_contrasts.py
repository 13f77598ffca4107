import pytest

from seewhy.data.narration.drawn.phrases import read_phrase
from seewhy.data.scenes import COLOURS, KINDS
from seewhy.telling.contrasts import contrasts_of


@pytest.mark.parametrize(
    "text", ["a red circle", "a circle", "a striped 8", "a dotted red ring", "a blue object"]
)
def test_each_contrast_of_a_drawn_thing_differs_in_one_thing_alone(text):
    own = read_phrase(text.partition(" ")[2])
    found = contrasts_of(text, ("wood", "stone"))
    assert found.is_exclusive
    assert len(set(found.texts)) == len(found.texts)
    for each in found.texts:
        other = read_phrase(each.partition(" ")[2])
        differs = [getattr(own, name) != getattr(other, name) for name in vars(own)]
        assert sum(differs) == 1


def test_all_other_colours_and_kinds_are_there():
    found = contrasts_of("a red circle", ()).texts
    kinds = [f"a red {kind}" for kind in (*KINDS, "digit") if kind != "circle"]
    others = [colour for colour in COLOURS if colour != "red"]
    inks = [f"{'an' if colour[0] == 'o' else 'a'} {colour} circle" for colour in others]
    assert sorted(found) == sorted([*kinds, *inks])


def test_a_digit_is_compared_with_shapes_as_it_may_be_any():
    assert "a 7" not in contrasts_of("a digit", ()).texts
    assert "a star" in contrasts_of("a digit", ()).texts


def test_other_things_are_compared_with_concepts_that_share_no_word():
    found = contrasts_of("red helmets", ("a Red hat", "wood", "helmet", "wet stone"))
    assert found.texts == ("wood", "wet stone")
    assert not found.is_exclusive
