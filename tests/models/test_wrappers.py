import pytest
import torch
from torch import nn

from seewhy.models.wrappers import unwrapped


def test_wrappers_are_taken_off_also_where_they_are_nested():
    inner = nn.Linear(2, 2)
    compiled = torch.compile(inner, backend="eager")
    for outer in (inner, nn.DataParallel(inner), compiled, nn.DataParallel(compiled)):
        assert unwrapped(outer) is inner


def test_the_module_of_every_process_is_found():
    """Such a wrapper cannot be made without a group of processes; its one attribute can."""
    outer = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(outer)
    outer.module = nn.Linear(2, 2)
    assert unwrapped(outer) is outer.module


@pytest.mark.parametrize("other", [nn.Sequential(nn.Linear(2, 2)), None, "text"])
def test_all_else_is_left_as_it_is(other):
    assert unwrapped(other) is other


def test_a_module_that_only_has_a_child_called_module_is_no_wrapper():
    holder = nn.Module()
    holder.module = nn.Linear(2, 2)
    assert unwrapped(holder) is holder
