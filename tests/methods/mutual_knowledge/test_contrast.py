from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.methods.mutual_knowledge.golden import arrays

from seewhy.methods.mutual_knowledge.contrast import compare_classes, contrast_classes
from seewhy.methods.mutual_knowledge.dynamics import deletion_curve

LISTS = lists(integers(0, 12), max_size=8, unique=True)


def test_a_contrast_by_hand():
    found = contrast_classes([5, 1, 4, 2, 9, 4], winner=[1, 2, 3], rival=[2, 4, 7, 3])
    assert (found.both, found.winner, found.rival) == ((2,), (1,), (4,))
    assert (found.neither, found.missing) == ((5, 9), (7,))


@given(vision=LISTS, winner=LISTS, rival=LISTS)
def test_every_shown_concept_is_in_one_list(vision, winner, rival):
    found = contrast_classes(vision, winner=winner, rival=rival)
    parts = (found.both, found.winner, found.rival, found.neither)
    assert sorted(number for part in parts for number in part) == sorted(vision)
    assert {*found.both, *found.winner} == set(vision) & set(winner)
    assert set(found.missing) == set(rival) - set(winner) - set(vision)


@given(vision=LISTS, winner=LISTS, rival=LISTS)
def test_exchanging_the_classes_exchanges_their_lists(vision, winner, rival):
    found = contrast_classes(vision, winner=winner, rival=rival)
    other = contrast_classes(vision, winner=rival, rival=winner)
    assert (found.winner, found.rival) == (other.rival, other.winner)
    assert (found.both, found.neither) == (other.both, other.neither)


def test_each_class_has_the_overlap_that_its_curve_starts_with():
    stored = arrays("language_mutual")
    language, seen = stored["top_ids"].tolist(), stored["image_ids"][3].tolist()
    found = compare_classes(seen, language, concepts=stored["concept_weight"].shape[0])
    assert len(found) == 6
    for overlap, row in zip(found, language, strict=True):
        assert abs(overlap.index - deletion_curve(seen, row)[0]) < 1e-12
    assert found[3].matches == 8
