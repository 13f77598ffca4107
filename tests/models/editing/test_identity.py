"""The editor that changes nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists
from tests.models.editing.writers import Marks, inputs_of

from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.identity import Identity
from seewhy.models.editing.stepping import EditorNetwork

WORDS = integers(1, 9)  # of 12 ids, 9 is the unknown word


@settings(max_examples=25)
@given(captions=lists(lists(WORDS, min_size=1, max_size=8), min_size=1, max_size=5))
@pytest.mark.parametrize("beams", [1, 3])
def test_every_caption_comes_back_for_certain(captions, beams):
    options = DecodeOptions(beams=beams, allows_unknown=True, batch=2)
    found = decode(Identity(12), inputs_of(captions), Marks(12), options)
    for (each,), caption in zip(found, captions, strict=True):
        assert list(each.ids) == caption
        assert each.log_probability == 0
        assert each.is_finished
        assert each.trace.copied.tolist() == list(range(len(caption)))
        assert torch.equal(each.trace.source, torch.eye(len(caption)))


def test_it_is_a_network_with_rows_for_each_image():
    network, inputs = Identity(12), inputs_of([[1, 2], [3]])
    assert isinstance(network, EditorNetwork)
    encoded = network.encode(inputs)
    state = network.begin(encoded, rows=2)
    step = network.step(torch.full((4,), 10), state, encoded)
    assert step.scores.argmax(dim=1).tolist() == [1, 1, 3, 3]
    step = network.step(torch.tensor([1, 1, 3, 3]), step.state, encoded)
    assert step.scores.argmax(dim=1).tolist() == [2, 2, 11, 11]
