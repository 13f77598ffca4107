import pytest

from seewhy.base.errors import UsageError
from seewhy.models.trained_folders import check_trained


@pytest.mark.parametrize(
    ("source", "shipped", "told"),
    [
        ("embedded:other", ["tiny"], "there is embedded:tiny. Train one with `seewhy train editor"),
        ("embedded:other", [], "there is none. Train one"),
        ("nowhere", ["tiny"], "the editor 'nowhere' is no folder.*, or embedded:tiny"),
    ],
)
def test_other_names_are_refused_with_what_there_is(source, shipped, told):
    with pytest.raises(UsageError, match=told):
        check_trained(source, "editor", shipped=shipped)


def test_folders_and_shipped_names_pass(tmp_path):
    check_trained(tmp_path, "narrator", shipped=[])
    check_trained("embedded:tiny", "narrator", shipped=["tiny"])
