import pytest
import torch
from tests.models.editing.golden import close, part, stored

from seewhy.models.editing.cells import (
    Candidate,
    CellState,
    CopyLstmCell,
    LstmCell,
    PartedLinear,
    WordVectors,
    at_last,
    copied_state,
    lstm_state,
)

ARRAYS = stored("copy_lstm_step")
BEFORE = CellState(ARRAYS["h_prev"], ARRAYS["c_prev"])


def copy_cell():
    names = {
        "x2h": "inputs", "h2h": "state", "gate_cnew": "candidate_gate", "gate_cmem": "memory_gate",
    }  # fmt: skip
    cell = CopyLstmCell(10, 8).double()
    weights = part("copy_lstm_step", "w.")
    cell.load_state_dict(
        {f"{names[key.split('.')[0]]}.{key.split('.')[1]}": each for key, each in weights.items()}
    )
    return cell


def test_a_step_of_the_copy_lstm_is_the_stored_one():
    step = copy_cell()(ARRAYS["x"], BEFORE, memory=ARRAYS["memory"])
    close(step.candidate, ARRAYS["c_candidate"])
    close(step.gate, ARRAYS["copy_gate"])
    close(step.state.hidden, ARRAYS["h_new"])
    close(step.state.cell, ARRAYS["c_new"])


def test_gradients_of_the_copy_lstm_are_the_stored_ones():
    inputs, memory = (ARRAYS[name].clone().requires_grad_() for name in ("x", "memory"))
    state = copy_cell()(inputs, BEFORE, memory=memory).state
    (state.hidden.sum() + 2 * (state.cell**2).sum()).backward()
    torch.testing.assert_close(inputs.grad, ARRAYS["grad_x"], atol=1e-8, rtol=0)
    torch.testing.assert_close(memory.grad, ARRAYS["grad_memory"], atol=1e-8, rtol=0)


def test_a_step_of_the_plain_cell_is_the_stored_one_and_that_of_torch():
    cell = LstmCell((10,), 8).double()
    weights = part("copy_lstm_step", "plain_w.")
    cell.load_state_dict(
        {
            "inputs.weights.0": weights["x2h.weight"],
            "inputs.bias": weights["x2h.bias"],
            "state.weight": weights["h2h.weight"],
            "state.bias": weights["h2h.bias"],
        }
    )
    state = cell.advance(cell.inputs(ARRAYS["x"]), BEFORE)
    close(state.hidden, ARRAYS["plain_h"])
    close(state.cell, ARRAYS["plain_c"])
    torchs = torch.nn.LSTMCell(10, 8).double()
    torchs.load_state_dict(
        {
            "weight_ih": weights["x2h.weight"],
            "bias_ih": weights["x2h.bias"],
            "weight_hh": weights["h2h.weight"],
            "bias_hh": weights["h2h.bias"],
        }
    )
    hidden, memory = torchs(ARRAYS["x"], (BEFORE.hidden, BEFORE.cell))
    close(state.hidden, hidden)
    close(state.cell, memory)


def test_a_gate_of_one_takes_the_memory_and_of_zero_the_plain_cell():
    cell, gates = torch.randn(3, 4), torch.randn(3, 16)
    memory = torch.randn(3, 4)
    input_, forget, candidate, output = gates.chunk(4, dim=1)
    new = forget.sigmoid() * cell + input_.sigmoid() * candidate.tanh()
    found = Candidate(new, output.sigmoid())
    torch.testing.assert_close(
        copied_state(found, memory, torch.zeros(3, 4)).hidden, lstm_state(cell, gates).hidden
    )
    assert torch.equal(copied_state(found, memory, torch.ones(3, 4)).cell, memory)


def test_parts_together_are_one_affine_map():
    linear = PartedLinear((2, 3), 4)
    whole = torch.nn.Linear(5, 4)
    with torch.no_grad():
        whole.weight.copy_(torch.cat(list(linear.weights), dim=1))
        whole.bias.copy_(linear.bias)
    left, right = torch.randn(6, 2), torch.randn(6, 3)
    wanted = whole(torch.cat([left, right], dim=1))
    torch.testing.assert_close(linear(left, right), wanted)
    torch.testing.assert_close(linear.part(0, left) + linear.part(1, right) + linear.bias, wanted)


@pytest.mark.parametrize(
    ("module", "bound"),
    [
        (PartedLinear((400, 500), 30), 1 / 30),
        (LstmCell((90, 40), 25), 1 / 5),
        (CopyLstmCell(90, 25), 1 / 5),
    ],
)
def test_weights_fill_the_published_range(module, bound):
    drawn = torch.cat([each.detach().flatten() for each in module.parameters()])
    assert drawn.abs().max() <= bound
    assert drawn.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_word_vectors_are_never_negative_and_dropped_in_training_alone():
    vectors = WordVectors(5, 400, dropout=0.5)
    ids = torch.tensor([[1, 4], [1, 0]])
    plain = vectors.eval()(ids)
    assert torch.equal(plain, vectors.table.weight[ids].clamp(min=0))
    dropped = vectors.train()(ids)
    kept = dropped != 0
    assert torch.equal(dropped[kept], 2 * plain[kept])
    assert 0.3 < (kept.sum() / (plain != 0).sum()).item() < 0.7


def test_the_last_place_is_that_of_each_length():
    tensor = torch.arange(12.0).view(2, 3, 2)
    assert at_last(tensor, torch.tensor([1, 3])).tolist() == [[0, 1], [10, 11]]
