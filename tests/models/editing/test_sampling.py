"""Greedy words as stored; drawn words come by their probabilities, and their gradients are true."""

import pytest
import torch
from tests.models.editing.golden import close, stored, stored_inputs, stored_network
from tests.models.editing.writers import Marks, Random, Told, captions_of, inputs_of

from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.sampling import greedy_words, sample_words


@pytest.mark.parametrize("name", ["editnet", "dcnet"])
def test_greedy_words_of_the_stored_networks(name):
    arrays = stored(name)
    inputs = stored_inputs("editnet")
    found = greedy_words(stored_network(name), inputs, Marks(23))
    assert torch.equal(found.ids, arrays["greedy_tokens"])
    close(found.log_probabilities[found.mask], arrays["greedy_logprobs"][found.mask])
    assert not found.log_probabilities[~found.mask].any()


@pytest.mark.parametrize("seed", range(4))
def test_one_beam_and_greedy_write_the_same(seed):
    network = Random(seed=seed, ends=1.0)
    with torch.no_grad():
        network.out.bias[[0, 9, 10]] -= 50
    inputs = inputs_of(captions_of(5, seed=seed))
    greedy = greedy_words(network, inputs, Marks(12), limit=20)
    for options in (DecodeOptions(beams=1), DecodeOptions(method="greedy")):
        for row, (each,) in enumerate(decode(network, inputs, Marks(12), options)):
            length = len(each.ids)
            assert greedy.ids[row].tolist() == [*each.ids, *[0] * (20 - length)]
            told = greedy.log_probabilities[row, :length].tolist()
            assert each.log_probabilities == pytest.approx(told, abs=1e-5)


def test_greedy_is_in_evaluation_mode_and_leaves_the_mode():
    network = Random(seed=1).train()
    inputs = inputs_of(captions_of(4))
    first, second = (greedy_words(network, inputs, Marks(12)) for _ in range(2))
    assert torch.equal(first.ids, second.ids)
    assert network.training
    assert network.dropout.training
    assert not first.log_probabilities.requires_grad
    (torch.ones(1, requires_grad=True) * first.log_probabilities).sum().backward()


def test_words_are_drawn_as_often_as_they_are_likely():
    table = {(): {1: 0.5, 2: 0.3, 5: 0.2}, (1,): {2: 1.0}}
    count = 4000
    generator = torch.Generator().manual_seed(0)
    network, inputs = Told(table, size=6), inputs_of([[0]] * count)
    found = sample_words(network, inputs, Marks(6), generator=generator, limit=4)
    captions = [tuple(row) for row in found.ids.tolist()]
    shares = {each: captions.count(each) / count for each in set(captions)}
    assert set(shares) == {(1, 2, 0, 0), (2, 0, 0, 0), (0, 0, 0, 0)}
    assert shares[1, 2, 0, 0] == pytest.approx(0.5, abs=0.03)
    assert shares[2, 0, 0, 0] == pytest.approx(0.3, abs=0.03)
    first = found.log_probabilities[:, 0].exp()
    assert first.unique().tolist() == pytest.approx([0.2, 0.3, 0.5])


def test_a_seed_repeats_what_is_drawn():
    network = Random(seed=2).eval()
    inputs = inputs_of(captions_of(6))

    def drawn(seed):
        generator = torch.Generator().manual_seed(seed)
        return sample_words(network, inputs, Marks(12), generator=generator).ids.tolist()

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_log_probabilities_are_those_of_the_words_and_carry_gradients():
    network = Random(seed=5, ends=1.0).eval()
    with torch.no_grad():
        network.out.bias[0] -= 50  # Else a 0 might be a drawn pad.
    inputs = inputs_of(captions_of(6))
    generator = torch.Generator().manual_seed(3)
    found = sample_words(network, inputs, Marks(12), generator=generator, limit=7)
    again = forced(network, inputs, found.ids)
    torch.testing.assert_close(
        found.log_probabilities, again.where(found.mask, torch.zeros(())), atol=1e-5, rtol=0
    )
    weights = torch.randn(found.ids.shape, generator=generator)
    parameters = list(network.parameters())
    ours = torch.autograd.grad((weights * found.log_probabilities).sum(), parameters)
    theirs = torch.autograd.grad((weights * again)[found.mask].sum(), parameters)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


def forced(network, inputs, ids):
    """Log-probabilities of these words, or of the end where a 0 stands."""
    encoded = network.encode(inputs)
    state, words, found = network.begin(encoded), torch.full_like(inputs.lengths, 10), []
    for following in ids.T:
        step = network.step(words, state, encoded)
        target = following.where(following > 0, torch.tensor(11))
        found.append(step.scores.log_softmax(-1).gather(1, target[:, None])[:, 0])
        words, state = following, step.state
    return torch.stack(found, dim=1)


def test_the_mask_holds_every_word_and_the_first_zero():
    table = {(): {1: 1.0}, (1,): {2: 1.0}}
    network, inputs = Told(table, size=6), inputs_of([[0]])
    assert greedy_words(network, inputs, Marks(6), limit=5).mask.tolist() == [
        [True, True, True, False, False]
    ]
    assert greedy_words(network, inputs, Marks(6), limit=1).mask.tolist() == [[True]]


def test_drawing_needs_the_mode_it_is_in():
    network = Random(seed=5).train()
    inputs = inputs_of([[1, 2]] * 2)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    found = sample_words(network, inputs, Marks(12), generator=generator)
    # The same image and caption: only dropout tells the two rows' probabilities apart.
    assert found.log_probabilities[0, 0] != found.log_probabilities[1, 0]
    assert network.training
