"""Several networks: the mean of their probabilities, as stored, by hand and in whole captions."""

import math

import pytest
import torch
from tests.models.editing.golden import close, stored, stored_inputs, stored_network
from tests.models.editing.writers import Marks, Random, Told, captions_of, inputs_of

from seewhy.base.errors import UsageError
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.ensemble import Ensemble, merged_traces, mixed_log_probabilities
from seewhy.models.editing.stepping import EditorNetwork, StepTrace


def test_two_networks_as_stored():
    arrays = stored("fused")
    halves = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    found = mixed_log_probabilities([arrays["edit_logits"], arrays["dc_logits"]], halves)
    close(found, arrays["fused_logprob"])


def test_the_mean_is_weighted():
    network = Ensemble(
        [Told({(): {1: 1.0}}, size=6), Told({(): {1: 0.2, 2: 0.8}}, size=6)], weights=[1.0, 3.0]
    )
    encoded = network.encode(inputs_of([[0]]))
    step = network.step(torch.tensor([4]), network.begin(encoded), encoded)
    assert step.scores.exp()[0].tolist() == pytest.approx([0, 0.4, 0.6, 0, 0, 0])


def test_huge_scores_do_not_overflow():
    scores = torch.tensor([[1e4, 0.0]])
    found = mixed_log_probabilities([scores, -scores], torch.tensor([0.5, 0.5]).log())
    assert found[0].tolist() == pytest.approx([math.log(0.5)] * 2)


def test_two_of_the_same_write_as_one():
    network = Random(seed=4, ends=1.0)
    inputs = inputs_of(captions_of(5))
    single = decode(network, inputs, Marks(12))
    double = decode(Ensemble([network, network], [0.3, 0.7]), inputs, Marks(12))
    for (mine,), (other,) in zip(single, double, strict=True):
        assert mine.ids == other.ids
        assert mine.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        torch.testing.assert_close(mine.trace.regions, other.trace.regions)


def test_teacher_forced_scores_are_those_of_the_steps():
    arrays, inputs = stored("editnet"), stored_inputs("editnet")
    network = Ensemble([stored_network("editnet"), stored_network("dcnet")]).eval()
    targets = arrays["gt_caption"][:, :4]
    with torch.no_grad():
        scores = network(inputs, targets)
        encoded = network.encode(inputs)
        state = network.begin(encoded)
        for place, words in enumerate(targets.T):
            step = network.step(words, state, encoded)
            close(scores[:, place], step.scores)
            state = step.state
    close(scores.logsumexp(dim=-1), torch.zeros(scores.shape[:2]).double())


def test_attention_is_the_weighted_mean_and_of_gates_the_first_goes_before():
    weights = torch.tensor([0.5, 0.25, 0.25])
    first = StepTrace(source=torch.tensor([[1.0, 0.0]]), copy_gate=torch.ones(1))
    second = StepTrace(source=torch.tensor([[0.0, 1.0]]), kept=torch.ones(1))
    third = StepTrace(regions=torch.tensor([[0.3, 0.7]]), copy_gate=torch.zeros(1))
    found = merged_traces([first, second, third], weights)
    torch.testing.assert_close(found.source, torch.tensor([[2 / 3, 1 / 3]]))
    assert found.regions is third.regions
    assert found.kept is second.kept
    assert found.copy_gate is first.copy_gate
    assert found.copied is None


def test_an_ensemble_is_a_network_that_others_can_hold():
    inner = Ensemble([Random(seed=0), Random(seed=1)])
    assert isinstance(inner, EditorNetwork)
    assert inner.vocabulary_size == 12
    outer = Ensemble([inner, Random(seed=2)], [2.0, 1.0])
    flat = Ensemble([Random(seed=seed) for seed in range(3)])
    inputs = inputs_of(captions_of(3))
    for mine, other in zip(
        decode(outer, inputs, Marks(12)), decode(flat, inputs, Marks(12)), strict=True
    ):
        assert mine[0].ids == other[0].ids


@pytest.mark.parametrize(
    ("sizes", "weights", "told"),
    [
        ((), None, "these are 0 with vocabularies of no words"),
        ((5, 6), None, r"these are 2 with vocabularies of \[5, 6\] words"),
        ((5, 5), [1.0], "ensemble of 2 networks wants as many weights"),
        ((5, 5), [1.0, 0.0], "weights above 0"),
        ((5, 5), [1.0, math.nan], "weights above 0"),
        ((5, 5), [1.0, math.inf], "weights above 0"),
    ],
)
def test_what_is_no_ensemble(sizes, weights, told):
    with pytest.raises(UsageError, match=told):
        Ensemble([Random(size) for size in sizes], weights)


def test_what_another_network_encoded_is_refused():
    network = Random()
    with pytest.raises(UsageError, match="not from a _Encoded"):
        Ensemble([network]).begin(network.encode(inputs_of([[1]])))


def test_weights_go_where_the_networks_go_and_are_not_stored():
    network = Ensemble([Random(seed=0), Random(seed=1)])
    assert not [name for name in network.state_dict() if "log_weights" in name]
    options = DecodeOptions(beams=2)
    found = decode(network.double(), inputs_of([[1]], regions=torch.zeros(1, 4, 3).double()),
                   Marks(12), options)  # fmt: skip
    assert found[0][0].ids is not None
