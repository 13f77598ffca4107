import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.data.editing.corruption import CORRUPTIONS
from seewhy.data.editing.drawn import drawn_edits, edit_scene
from seewhy.data.editing.records import EditRecord
from seewhy.evaluation.editing.drawn import KINDS, drawn_repairs, known_edit
from seewhy.evaluation.editing.faults import HIDDEN, WRONG_WORD

RECORDS = list(drawn_edits(300, split="validation"))


def test_who_tells_the_truth_mends_all_and_breaks_nothing():
    found = drawn_repairs(RECORDS, [each.truth for each in RECORDS], resamples=100)
    assert [found.figures[name].value for name in ("exact", "clean kept", "repaired")] == [1, 1, 1]
    for kind in KINDS:
        assert found.kinds[kind].broken.value == 0
    assert all(found.kinds[kind].mended.value == 1 for kind in CORRUPTIONS)
    assert np.isnan([found.kinds[kind].mended.value for kind in (HIDDEN, WRONG_WORD)]).all()


def test_who_changes_nothing_mends_and_breaks_nothing():
    found = drawn_repairs(RECORDS, [each.caption for each in RECORDS], resamples=100)
    assert found.figures["gain"].value == 0
    assert found.figures["repaired"].value == 0
    assert {each.broken.value for each in found.kinds.values()} == {0}
    assert {found.kinds[kind].mended.value for kind in CORRUPTIONS} == {0}


def test_who_writes_one_caption_everywhere_breaks_what_was_right():
    other = edit_scene(0, seed=7).truth
    found = drawn_repairs(RECORDS, [other] * len(RECORDS), resamples=100)
    assert found.figures["gain"].value < -0.2
    assert found.kinds[HIDDEN].broken.value > 0.5
    assert found.kinds["colour"].gain.high < 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="one for each"):
        drawn_repairs(RECORDS, [], resamples=100)
    odd = EditRecord("odd", ("a", "dog"), (("a", "dog"),))
    with pytest.raises(UsageError, match="not worded as drawn"):
        known_edit(odd, ("a", "dog"))
