from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from seewhy.base.errors import InternalError
from seewhy.models.editing.grouping import added, grouped, of_kind
from seewhy.models.editing.stepping import Rows, StepTrace


@dataclass(frozen=True, eq=False)
class Other(Rows):
    tensor: Tensor


def test_rows_of_an_image_stand_together():
    assert grouped(torch.arange(6.0), 2).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(InternalError, match="5 rows are no equal numbers for 2 images"):
        grouped(torch.arange(5.0), 2)


@pytest.mark.parametrize("each", [1, 3])
def test_what_an_image_has_is_added_to_each_of_its_rows(each):
    rows, images = torch.randn(2 * each, 4), torch.randn(2, 4)
    assert torch.equal(added(rows, images), rows + images.repeat_interleave(each, dim=0))


def test_a_network_takes_back_only_what_it_gave():
    rows = Other(torch.zeros(1))
    assert of_kind(rows, Other) is rows
    with pytest.raises(InternalError, match="given StepTrace; it gave Other"):
        of_kind(StepTrace(), Other)
