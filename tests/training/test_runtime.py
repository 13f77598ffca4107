import sys
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from seewhy.base.errors import UsageError
from seewhy.training.runtime import Runtime, this_runtime

CPU = torch.device("cpu")


def test_one_process_is_the_first_and_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    runtime = this_runtime("cpu")
    module, values = torch.nn.Linear(1, 1), torch.ones(2)
    assert (runtime.device, runtime.is_first, runtime.processes) == (CPU, True, 1)
    assert runtime.prepared(module) is module
    assert runtime.total(values) is values
    assert isinstance(runtime.alone(module), nullcontext)
    runtime.wait()


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        this_runtime("cuda")
    assert this_runtime("auto").device == CPU


def test_several_processes_are_accelerates(monkeypatch):
    accelerator = Mock(device=CPU, process_index=1, num_processes=2)
    made = Mock(return_value=accelerator)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", SimpleNamespace(Accelerator=made))
    runtime = this_runtime("cpu")
    made.assert_called_once_with(cpu=True, mixed_precision="no")
    assert (runtime.rank, runtime.processes, runtime.is_first) == (1, 2, False)
    module = torch.nn.Linear(1, 1)
    accelerator.prepare.return_value = module
    accelerator.reduce.return_value = torch.zeros(1)
    accelerator.no_sync.return_value = nullcontext()
    assert runtime.prepared(module) is module
    assert runtime.total(torch.ones(1)).tolist() == [0.0]
    with runtime.alone(module):
        accelerator.no_sync.assert_called_once_with(module)
    runtime.wait()
    accelerator.wait_for_everyone.assert_called_once_with()


def test_without_accelerate_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(UsageError, match=r"pip install 'seewhy\[accelerate\]'"):
        this_runtime("cpu")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_matrices_are_multiplied_in_the_precision(precision, dtype):
    one = torch.ones(2, 2)
    with Runtime(CPU).mixed(precision):
        assert (one @ one).dtype == dtype
    assert (one @ one).dtype == torch.float32
