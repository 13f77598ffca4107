import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.unit_naming.activations import (
    answers,
    strongest_images,
    summarised,
    unit_activations,
)
from seewhy.models.sites import Site

MAPS = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, -1.0], [0.0, -3.0]]]])


def test_a_map_becomes_its_mean_or_its_largest_value():
    assert_close(summarised(MAPS, by="mean"), torch.tensor([[3.0, -1.0]]))
    assert_close(summarised(MAPS, by="max"), torch.tensor([[6.0, 0.0]]))


def test_maps_tokens_and_vectors_have_the_same_units():
    tokens = torch.cat([torch.full((1, 1, 2), 99.0), MAPS.flatten(2).transpose(1, 2)], dim=1)
    site = Site("here", "tokens", 1, (2, 2))
    for by in ("mean", "max"):
        wanted = summarised(MAPS, by=by)
        assert_close(unit_activations(Site("here"), MAPS, by=by), wanted)
        assert_close(unit_activations(site, tokens, by=by), wanted)
        assert_close(unit_activations(site, wanted, by=by), wanted)


def test_tokens_without_a_layout_are_refused():
    with pytest.raises(UsageError, match="Give tokens as Site"):
        unit_activations(Site("here"), torch.zeros(1, 5, 2), by="mean")


def test_what_never_varies_does_not_answer():
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.5]])
    assert answers(rows).tolist() == [False, True]


def test_the_strongest_come_first_and_ties_by_place():
    rows = torch.tensor([[0.0, 5.0], [2.0, 5.0], [1.0, 7.0]])
    assert strongest_images(rows, count=2).tolist() == [[1, 2], [2, 0]]
