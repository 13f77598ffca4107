import pytest

from seewhy.base.errors import UsageError
from seewhy.passes.options import PassOptions


@pytest.mark.parametrize("settings", [{"shard_images": 0}, {"workers": -1}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(UsageError, match="at least 1"):
        PassOptions(**settings)


def test_an_engine_that_there_is_not_is_refused(monkeypatch):
    # The checks of the tests would refuse the type before the class does.
    options = object.__new__(PassOptions)
    for name, value in {"shard_images": 1, "workers": 0, "engine": "steam"}.items():
        object.__setattr__(options, name, value)
    with pytest.raises(UsageError, match="no engine 'steam'"):
        options.__post_init__()


def test_by_default_a_run_stays_in_this_process_and_leaves_nothing():
    options = PassOptions()
    assert (options.engine, options.workers, options.store, options.progress) == (
        "local", 0, None, False,
    )  # fmt: skip
