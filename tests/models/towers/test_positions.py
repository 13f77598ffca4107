import torch
from tests.models.towers.small import noise
from torch.testing import assert_close

from seewhy.models.towers.positions import resized_positions


def test_positions_of_the_native_grid_are_the_parameter_itself():
    table = noise(1 + 6, 4)
    assert resized_positions(table, (2, 3), (2, 3)) is table


def test_positions_lie_on_straight_lines_between_the_old_ones():
    table = torch.tensor([9.0, 0, 1, 2, 3])[:, None]
    wider = resized_positions(table, (2, 2), (2, 4))[:, 0]
    assert_close(wider, torch.tensor([9.0, 0, 0.25, 0.75, 1, 2, 2.25, 2.75, 3]))
    assert_close(resized_positions(table, (2, 2), (1, 1))[:, 0], torch.tensor([9.0, 1.5]))
    assert resized_positions(table.bfloat16(), (2, 2), (3, 3)).dtype == torch.bfloat16
