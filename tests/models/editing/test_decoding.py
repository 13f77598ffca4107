"""What holds of every search: batches, order, modes, traces, and options that are refused."""

import math

import pytest
import torch
from tests.models.editing.golden import stored_inputs, stored_network
from tests.models.editing.writers import Marks, Random, Told, captions_of, inputs_of

from seewhy.base.errors import UsageError
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.ensemble import Ensemble
from seewhy.models.editing.stepping import EditInputs
from seewhy.models.guard import fingerprint

WAYS = [
    DecodeOptions(),
    DecodeOptions(method="greedy"),
    DecodeOptions(beams=4, n_best=3, length_penalty=0.7),
    DecodeOptions(no_repeat=2, limit=5),
    DecodeOptions(protocol="published"),
]


def same(found, wanted):
    assert len(found) == len(wanted)
    for mine, other in zip(found, wanted, strict=True):
        assert [each.ids for each in mine] == [each.ids for each in other]
        for one, two in zip(mine, other, strict=True):
            assert one.log_probabilities == pytest.approx(two.log_probabilities, abs=1e-4)
            assert one.is_finished is two.is_finished
            for name in ("source", "regions", "copied", "copy_gate"):
                torch.testing.assert_close(getattr(one.trace, name), getattr(two.trace, name))


@pytest.fixture(scope="module")
def network():
    return Random(seed=6, ends=1.0)


@pytest.fixture(scope="module")
def inputs():
    return inputs_of(captions_of(7, seed=2))


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_batch_gives_what_each_image_gets_alone(network, inputs, options, batch):
    settings = {**vars(options), "batch": batch}
    same(decode(network, inputs, Marks(12), DecodeOptions(**settings)),
         decode(network, inputs, Marks(12), options))  # fmt: skip


@pytest.mark.parametrize("options", WAYS)
def test_order_does_not_matter(network, inputs, options):
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    mixed = decode(network, inputs.take(order), Marks(12), options)
    wanted = decode(network, inputs, Marks(12), options)
    same(mixed, [wanted[place] for place in order.tolist()])


def test_padding_does_not_matter(network, inputs):
    wide = EditInputs(
        torch.nn.functional.pad(inputs.captions, (0, 4)),
        inputs.lengths,
        torch.nn.functional.pad(inputs.regions, (0, 0, 0, 2), value=9.0),
        inputs.counts,
    )
    same(decode(network, wide, Marks(12)), decode(network, inputs, Marks(12)))


def test_a_trace_has_a_row_per_word_and_is_as_wide_as_what_was_read(network, inputs):
    for (each,), length in zip(
        decode(network, inputs, Marks(12)), inputs.lengths.tolist(), strict=True
    ):
        words = len(each.ids)
        assert each.trace.source.shape == (words, length)
        assert each.trace.regions.shape == (words, 4)
        torch.testing.assert_close(each.trace.source.sum(1), torch.ones(words))
        assert each.trace.context_gate is None
        assert len(each.log_probabilities) == words


def test_traces_are_those_of_reading_the_caption_again():
    inputs = stored_inputs("editnet")
    networks = [stored_network("editnet"), stored_network("dcnet")]
    network = Ensemble(networks).eval()
    found = decode(network, inputs, Marks(23), DecodeOptions(beams=5, allows_unknown=True))
    for row, (each,) in enumerate(found):
        one = inputs.take(torch.tensor([row]))
        with torch.no_grad():
            encoded = network.encode(one)
            state = network.begin(encoded)
            for place, words in enumerate([21, *each.ids[:-1]]):
                step = network.step(torch.tensor([words]), state, encoded)
                length = int(one.lengths)
                kept = step.trace.source[0, :length]
                torch.testing.assert_close(each.trace.source[place], kept)
                for name in ("copied", "copy_gate", "context_gate"):
                    told = getattr(step.trace, name)[0]
                    torch.testing.assert_close(getattr(each.trace, name)[place], told)
                state = step.state


def test_probabilities_are_the_network_s(network, inputs):
    (each,) = decode(network, inputs.take(torch.tensor([0])), Marks(12))[0]
    with torch.no_grad():
        network.eval()
        encoded = network.encode(inputs.take(torch.tensor([0])))
        state, words, told = network.begin(encoded), torch.tensor([10]), []
        for number in [*each.ids, 11]:
            step = network.step(words, state, encoded)
            told.append(float(step.scores.log_softmax(-1)[0, number]))
            state, words = step.state, torch.tensor([number])
        network.train()
    assert [*each.log_probabilities, each.ending] == pytest.approx(told, abs=1e-4)
    assert each.log_probability == pytest.approx(sum(told), abs=1e-4)


@pytest.mark.parametrize("options", WAYS)
def test_the_network_is_left_as_it_was(inputs, options):
    network = Random(seed=6).train()
    before = fingerprint(network)
    first = decode(network, inputs, Marks(12), options)
    assert fingerprint(network) == before
    same(decode(network, inputs, Marks(12), options), first)


def test_a_network_need_not_be_a_module(inputs):
    class Plain:
        vocabulary_size = 6

        def __init__(self):
            told = Told({(): {1: 1.0}}, size=6)
            self.encode, self.begin, self.step = told.encode, told.begin, told.step

    assert decode(Plain(), inputs_of([[0]]), Marks(6))[0][0].ids == (1,)


def test_half_precision_scores_have_probabilities_of_full_precision():
    network = Random(seed=6).bfloat16()
    inputs = inputs_of([[1, 2]], regions=torch.zeros(1, 4, 3).bfloat16())
    (each,) = decode(network, inputs, Marks(12))[0]
    assert each.trace.source.dtype == torch.float32
    assert all(math.isfinite(number) for number in each.log_probabilities)


def test_no_image_gives_nothing(network, inputs):
    assert decode(network, inputs.take(torch.tensor([], dtype=torch.long)), Marks(12)) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"beams": 0}, "beams is 0; at least 1"),
        ({"limit": 0}, "limit is 0"),
        ({"batch": -1, "limit": 0}, "limit is 0, batch is -1"),
        ({"length_penalty": -0.5}, "not below 0; these are -0.5 and 0"),
        ({"length_penalty": math.nan}, "not below 0; these are nan"),
        ({"no_repeat": -1}, "not below 0; these are 0.0 and -1"),
        ({"n_best": 4}, "4 captions were asked for, and 3 beams"),
        ({"method": "greedy", "n_best": 2}, "and 1 beams"),
        ({"protocol": "published", "n_best": 2}, "published search knows neither"),
        ({"protocol": "published", "no_repeat": 2}, "published search knows neither"),
        ({"protocol": "published", "length_penalty": 1.0}, "published search knows neither"),
    ],
)
def test_options_that_mean_nothing_are_refused(values, told):
    with pytest.raises(UsageError, match=told):
        DecodeOptions(**values)
