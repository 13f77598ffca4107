import pytest
import torch
from tests.models.editing.golden import close, part, stored, stored_inputs, stored_network
from torch.testing import assert_close

from seewhy.models.editing.sampling import Written
from seewhy.training.editing.losses import (
    closeness_loss,
    decided_words,
    reward_loss,
    word_loss,
)


@pytest.mark.parametrize("name", ["editnet", "dcnet", "look_modify"])
def test_cross_entropy_of_the_stored_networks(name):
    arrays = stored(name)
    inputs = stored_inputs("editnet" if name == "dcnet" else name)
    words = arrays["gt_caption"]
    found = word_loss(stored_network(name)(inputs, words[:, :-1]), words[:, 1:])
    # Losses are computed in float32 at least, stored ones in double precision.
    assert_close(found.double(), arrays["xe_loss"], atol=2e-5, rtol=1e-4)


def test_long_captions_count_by_their_words():
    scores = torch.zeros(2, 3, 4)
    scores[0, 0, 1] = 5.0
    words = torch.tensor([[1, 0, 0], [2, 3, 1]])
    each = -scores.log_softmax(dim=2)
    wanted = (each[0, 0, 1] + each[1, 0, 2] + each[1, 1, 3] + each[1, 2, 1]) / 4
    assert_close(word_loss(scores, words), wanted)


def test_what_is_said_of_pads_changes_nothing():
    scores = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    words = torch.tensor([[1, 4, 0], [2, 0, 0]])
    before = word_loss(scores, words)
    assert_close(word_loss(scores + 9 * (words == 0)[..., None] * scores, words), before)


def test_closeness_of_the_stored_stage():
    arrays = stored("dcnet")
    network, inputs = stored_network("dcnet"), stored_inputs("editnet")
    words, lengths = arrays["gt_caption"], arrays["gt_length"].flatten()
    hidden = network.written(inputs, words[:, :-1]).hidden[torch.arange(3), lengths - 2]
    affine = part("dcnet", "affine_w.")
    projected = hidden @ affine["weight"].T + affine["bias"]
    close(projected, arrays["projected_last"])
    close(closeness_loss(projected, network.summary(words, lengths)), arrays["mse_loss"])


def test_reward_loss_and_its_gradient_are_as_stored():
    arrays = stored("rl")
    chances = arrays["logprobs"].clone().requires_grad_()
    mask = Written(arrays["sample"], chances).mask
    loss = reward_loss(chances, mask, arrays["reward"])
    (gradient,) = torch.autograd.grad(loss, chances)
    assert_close(loss, arrays["loss"], atol=1e-6, rtol=0)
    assert_close(gradient, arrays["grad_logprobs"], atol=1e-6, rtol=0)


def test_a_caption_ends_with_its_first_nought():
    words = torch.tensor([[3, 0, 0], [0, 0, 0], [4, 5, 6]])
    assert decided_words(words) == ((3, 0), (0,), (4, 5, 6))
