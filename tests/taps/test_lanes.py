import threading

import pytest
import torch

from seewhy.taps.lanes import MOST, lanes

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four_cores():
    """Whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_work_is_shared_in_order_by_threads_of_one_core_each():
    both = threading.Barrier(4, timeout=30)

    def work(number):
        both.wait()
        return number, torch.get_num_threads(), torch.is_inference_mode_enabled()

    with lanes(CPU) as found:
        assert found.count == 4
        assert found.map(work, range(4)) == [(number, 1, True) for number in range(4)]
    assert torch.get_num_threads() == 4


def test_of_many_cores_each_thread_has_several():
    torch.set_num_threads(2 * MOST)
    with lanes(CPU) as found:
        assert found.count == MOST
        assert set(found.map(lambda _: torch.get_num_threads(), range(9))) == {2}
    assert torch.get_num_threads() == 2 * MOST


def test_one_core_needs_no_thread():
    torch.set_num_threads(1)
    with lanes(CPU) as found:
        assert (found.count, found.pool) == (1, None)
        assert found.map(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]


def test_an_error_of_the_work_is_told_and_all_is_as_before():
    with pytest.raises(ZeroDivisionError), lanes(CPU) as found:
        found.map(lambda each: 1 / each, [1, 0])
    assert torch.get_num_threads() == 4
