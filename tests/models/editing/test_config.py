import pytest

from seewhy.base.errors import UsageError
from seewhy.models.editing.config import (
    DcNetConfig,
    EditNetConfig,
    LookModifyConfig,
    editor_config,
    network_config,
    read_config,
)

NETWORK = {"kind": "editnet", "words": 20, "features": 5}
DCNET = {"kind": "dcnet", "words": 20}
SOURCE = {"kind": "file", "width": 5}


def test_the_kind_says_which_network_and_the_defaults_are_the_published_sizes():
    found = network_config(kind="editnet", words=10)
    assert isinstance(found, EditNetConfig)
    assert (found.width, found.attention, found.features, found.dropout) == (1024, 512, 2048, 0.5)
    assert isinstance(network_config(kind="dcnet", words=10), DcNetConfig)
    assert isinstance(network_config(kind="look-modify", words=10), LookModifyConfig)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"words": 20}, "kind"),
        ({"kind": "eye", "words": 20}, "eye"),
        ({**NETWORK, "words": 3}, "words"),
        ({**NETWORK, "width": 0}, "width"),
        ({**NETWORK, "dropout": 1.0}, "dropout"),
        ({**NETWORK, "selection": "some"}, "selection"),
        ({**NETWORK, "more": 1}, "more"),
        ({**DCNET, "width": 7}, "multiple of 2"),
        ({"kind": "look-modify", "words": 20, "sentence": "odd"}, "sentence"),
    ],
)
def test_what_is_wrong_with_a_network_is_told(values, told):
    with pytest.raises(UsageError, match=told):
        network_config(**values)


def test_networks_of_an_editor_belong_together():
    found = editor_config(networks=[NETWORK, DCNET], source=SOURCE, weights=[1, 2])
    assert (found.words, found.features, found.longest, found.weights) == (20, 5, 18, (1, 2))
    assert editor_config(networks=[DCNET], source=SOURCE).features is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"networks": []}, "networks"),
        ({"networks": [NETWORK, {**DCNET, "words": 21}]}, "networks of 20 and 21 words"),
        ({"networks": [NETWORK, {**NETWORK, "features": 6}]}, "networks of 5 and 6 features"),
        ({"source": {"kind": "file", "width": 6}}, "5 features, a source of 6"),
        ({"source": {"kind": "nothing"}}, "source"),
        ({"weights": [1.0]}, "1 weights for 2 networks"),
        ({"weights": [1.0, 0.0]}, "weights.1"),
        ({"weights": [1.0, float("inf")]}, "weights.1"),
        ({"longest": 0}, "longest"),
    ],
)
def test_what_is_wrong_with_an_editor_is_told(values, told):
    with pytest.raises(UsageError, match=told):
        editor_config(**{"networks": [NETWORK, DCNET], "source": SOURCE} | values)


def test_a_configuration_comes_back_from_its_file(tmp_path):
    config = editor_config(networks=[NETWORK, DCNET], source=SOURCE)
    path = tmp_path / "editor.json"
    path.write_text(config.model_dump_json())
    assert read_config(path) == config
    path.write_text("{")
    with pytest.raises(UsageError, match=r"editor\.json is no configuration of an editor"):
        read_config(path)
