from contextlib import suppress

import pytest

from seewhy.base.errors import UsageError
from seewhy.passes.keeping import kept_parts
from seewhy.passes.shards import Part
from seewhy.passes.store import Store

REQUEST = {"seed": 1, "models": ["a"]}
KEY = "0" * 64


def interrupted(output, request=REQUEST, *, resume=False):
    """The folder of a run that was broken off after its first part."""
    with suppress(KeyboardInterrupt), kept_parts(output, request, resume=resume) as parts:
        Store(parts).save(KEY, Part({}, {"fact": 1}))
        raise KeyboardInterrupt
    return parts


def test_parts_of_an_interrupted_run_are_found_again_and_go_when_all_is_done(tmp_path):
    parts = interrupted(tmp_path / "out")
    with kept_parts(tmp_path / "out", REQUEST, resume=True) as again:
        assert again == parts
        assert Store(again).has(KEY)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_that_does_not_resume_starts_anew(tmp_path):
    interrupted(tmp_path)
    with kept_parts(tmp_path, REQUEST, resume=False) as parts:
        assert not Store(parts).has(KEY)


def test_another_request_is_refused_with_what_differs_and_keeps_the_parts(tmp_path):
    parts = interrupted(tmp_path)
    for other in (REQUEST | {"seed": 2}, {"models": ["a"]}):
        with (
            pytest.raises(UsageError, match=r"seed: 1 then, .* now.*without --resume"),
            kept_parts(tmp_path, other, resume=True),
        ):
            pass
    assert Store(parts).has(KEY)


def test_resuming_nothing_starts_from_the_beginning(tmp_path):
    with kept_parts(tmp_path / "new", REQUEST, resume=True) as parts:
        assert parts.is_dir()


def test_a_damaged_request_is_refused(tmp_path):
    parts = interrupted(tmp_path)
    (parts / "request.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"), kept_parts(tmp_path, REQUEST, resume=True):
        pass


def test_a_request_refused_before_any_work_leaves_no_folder(tmp_path):
    with pytest.raises(UsageError), kept_parts(tmp_path, REQUEST, resume=False):
        raise UsageError("no such model")
    assert list(tmp_path.iterdir()) == []
