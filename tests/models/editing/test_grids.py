from pathlib import Path

import numpy as np
import torch
from torch.testing import assert_close

from seewhy.models.editing.grids import PUBLISHED_GRID, as_maps, pooled_cells

STORED = np.load(Path(__file__).parents[2] / "golden/caption_editing/grid_tokens.npz")


def test_the_published_tokens_of_a_map():
    maps = torch.from_numpy(STORED["feature_map"]).double()
    found = pooled_cells(maps, PUBLISHED_GRID, has_mean=True)
    assert_close(found, torch.from_numpy(STORED["tokens"]).double(), atol=1e-9, rtol=0)


def test_a_grid_of_its_own_size_is_left_as_it_is():
    tokens = torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(0))
    assert_close(pooled_cells(as_maps(tokens, (3, 4)), (3, 4)), tokens)


def test_cells_of_a_smaller_grid_are_means_of_their_part():
    tokens = torch.arange(16.0).view(1, 16, 1)
    found = pooled_cells(as_maps(tokens, (2, 8)), (1, 2), has_mean=True)
    # Columns 0 to 3 of both rows, then columns 4 to 7, then the mean of the two.
    assert found.flatten().tolist() == [5.5, 9.5, 7.5]
