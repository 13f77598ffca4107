import numpy as np
import pytest

from seewhy.telling.contrasts import Contrasts
from seewhy.telling.support import (
    Findings,
    Presence,
    height,
    is_used,
    joined,
    place_cells,
    presence,
    top_cells,
    verdict_of,
)

TEXTS = ("own", "one", "two", "three")
ALL = Contrasts(("one", "two", "three"), is_exclusive=True)


def seen(lead=1.0, rank=1.0, *, is_exclusive=True):
    return Presence(lead, rank, "rival", is_exclusive)


def test_a_text_is_compared_where_its_own_map_is_highest():
    """By hand: 20 cells have one top cell. Scores there 5+.5, 3+.1, 1+.1, 2+.3; spread of three."""
    maps = np.zeros((4, 4, 5))
    maps[:, 1, 2] = 5, 3, 1, 2
    maps[1, 3, 3] = 100
    found = presence(maps, np.array([0.5, 0.1, 0.1, 0.3]), TEXTS, text="own", contrasts=ALL)
    others = np.array([3.1, 1.1, 2.3])
    assert found.lead == pytest.approx((5.5 - 3.1) / others.std())
    assert (found.rank, found.rival, found.is_seen) == (1, "one", True)


def test_it_is_not_seen_where_another_text_fits_better():
    maps = np.zeros((4, 4, 5))
    maps[:, 1, 2] = 2, 3, 1, 0
    found = presence(maps, np.zeros(4), TEXTS, text="own", contrasts=ALL)
    assert found.is_seen is False
    assert found.rank == pytest.approx(2 / 3)


def test_without_contrasts_or_spread_nothing_is_known():
    maps, whole = np.zeros((4, 4, 5)), np.zeros(4)
    assert presence(maps, whole, TEXTS, text="own", contrasts=Contrasts((), True)) is None
    assert presence(maps, whole, TEXTS, text="missing", contrasts=ALL) is None
    flat = presence(maps, whole, TEXTS, text="own", contrasts=ALL)
    assert (flat.lead, flat.is_seen) == (None, None)


def test_leads_and_ranks_do_not_depend_on_the_scale_of_cosines():
    generator = np.random.default_rng(0)
    maps, whole = generator.normal(size=(4, 6, 6)), generator.normal(size=4)
    one = presence(maps, whole, TEXTS, text="two", contrasts=ALL)
    other = presence(0.01 * maps + 2, 0.01 * whole - 3, TEXTS, text="two", contrasts=ALL)
    assert other.lead == pytest.approx(one.lead)
    assert other.rank == one.rank


def test_the_top_is_a_share_of_the_cells_and_never_none():
    values = np.arange(100.0).reshape(10, 10)
    assert values[top_cells(values)].tolist() == [95, 96, 97, 98, 99]
    assert top_cells(np.zeros((2, 2))).sum() == 1


@pytest.mark.parametrize(
    ("place", "rows", "cols"),
    [("top", (0, 1), (0, 1, 2, 3)), ("bottom right", (2, 3), (2, 3)), ("left", range(4), (0, 1))],
)
def test_places_are_halves_and_quarters(place, rows, cols):
    chosen = np.argwhere(place_cells(place, (4, 4))).tolist()
    assert chosen == [[row, col] for row in rows for col in cols]


def test_quarters_cut_the_image_up():
    names = ("top left", "top right", "bottom left", "bottom right")
    assert (sum(place_cells(name, (5, 7)).astype(int) for name in names) == 1).all()


def test_the_height_of_a_place_is_that_of_its_top_over_the_best():
    values = np.zeros((8, 8))
    values[1, 1:4] = 4
    values[6, 6] = 3
    assert height(values, place_cells("top left", (8, 8))) == pytest.approx(1)
    assert height(values, place_cells("bottom right", (8, 8))) == pytest.approx(3 / 4)
    assert height(values, place_cells("bottom left", (8, 8))) == pytest.approx(0)
    assert height(np.ones((8, 8)), place_cells("top", (8, 8))) is None


@pytest.mark.parametrize(
    ("findings", "is_negated", "wanted"),
    [
        (Findings(None), False, "undecided"),
        (Findings(seen()), False, "supported"),
        (Findings(seen(lead=-1.0)), False, "not supported"),
        (Findings(seen(lead=0.1)), False, "undecided"),
        (Findings(seen(), is_used=False), False, "undecided"),
        (Findings(seen(), is_used=True), False, "supported"),
        (Findings(seen(), height=0.2), False, "not supported"),
        (Findings(seen(), height=0.7), False, "undecided"),
        (Findings(seen(), height=1.1), False, "supported"),
        (Findings(seen()), True, "not supported"),
        (Findings(seen(lead=-1.0)), True, "supported"),
        (Findings(seen(rank=0.96, is_exclusive=False)), False, "supported"),
        (Findings(seen(rank=0.7, is_exclusive=False)), False, "undecided"),
        (Findings(seen(rank=0.2, is_exclusive=False)), False, "not supported"),
    ],
)
def test_verdicts(findings, is_negated, wanted):
    verdict, why = verdict_of(findings, is_negated=is_negated)
    assert verdict == wanted
    assert why


def test_one_statement_without_support_is_enough():
    assert joined(["supported", "undecided", "not supported"]) == "not supported"
    assert joined(["supported", "undecided"]) == "undecided"
    assert joined(["supported"] * 2) == "supported"
    assert joined([]) == "undecided"


def test_small_differences_of_falls_say_nothing():
    assert is_used(0.5, 0.0) is True
    assert is_used(0.0, 0.5) is False
    assert is_used(0.05, 0.0) is None
