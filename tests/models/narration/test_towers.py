import pytest
import torch
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.models.narration.towers import ConvTower, FeaturesTower, ImageTower


@pytest.mark.parametrize(("height", "width"), [(64, 64), (16, 40), (17, 31)])
def test_each_stage_halves_the_sides_and_the_grid_tells_them(height, width):
    tower = ConvTower((4, 6, 8)).eval()
    tokens = tower(torch.randn(2, 3, height, width))
    rows, cols = tower.grid(height, width)
    assert tokens.shape == (2, rows * cols, 8)
    assert tokens.is_contiguous()
    assert isinstance(tower, ImageTower)


def test_a_stage_is_a_halving_and_a_residual_convolution():
    tower = ConvTower((4,)).eval()
    stage, pixels = tower.stages[0], torch.randn(1, 3, 8, 8)
    eps = 1 + stage.halving_norm.eps
    halved = functional.conv2d(pixels, stage.halving.weight, stride=2, padding=1) / eps**0.5
    halved = halved.clamp(min=0)
    more = functional.conv2d(halved, stage.residual.weight, padding=1) / eps**0.5
    wanted = (halved + more).clamp(min=0)[0].permute(1, 2, 0).reshape(16, 4)
    torch.testing.assert_close(tower(pixels)[0], wanted, atol=1e-5, rtol=1e-4)


def test_tokens_lie_where_the_image_has_them():
    tower = ConvTower((4, 6)).eval()
    pixels = torch.zeros(1, 3, 32, 32)
    pixels[:, :, 20:24, 8:12] = 3.0
    change = (tower(pixels) - tower(torch.zeros(1, 3, 32, 32))).abs().sum(dim=2).view(8, 8)
    assert divmod(int(change.argmax()), 8) in {(row, col) for row in (5, 6) for col in (2, 3)}
    assert change[0, 7] == 0


def test_no_tower_gives_no_tokens():
    tower = FeaturesTower(8)
    assert tower.width == 8
    with pytest.raises(UsageError, match="but 2 images came"):
        tower(torch.zeros(2, 3, 8, 8))
    with pytest.raises(UsageError, match="but an image of 8 x 9 pixels came"):
        tower.grid(8, 9)
