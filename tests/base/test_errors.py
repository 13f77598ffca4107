import copy

import pytest

from seewhy.base.errors import DataError, InternalError, SeewhyError, UsageError


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UsageError("ask otherwise"), 2),
        (DataError("truncated", "the file ends early"), 3),
        (InternalError("a promise is broken"), 70),
        (SeewhyError("anything"), 70),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, exit_code):
    assert error.exit_code == exit_code
    with pytest.raises(SeewhyError):
        raise error


def test_a_data_error_carries_its_code_apart_from_its_message():
    error = DataError("truncated", "a.png ends early")
    assert error.code == "truncated"
    assert str(error) == "a.png ends early"


def test_the_three_kinds_do_not_catch_each_other():
    kinds = (UsageError, DataError, InternalError)
    assert not any(issubclass(a, b) for a in kinds for b in kinds if a is not b)


def test_a_data_error_keeps_its_code_on_the_way_to_another_process():
    error = copy.copy(DataError("truncated", "cut short"))
    assert (error.code, str(error)) == ("truncated", "cut short")
