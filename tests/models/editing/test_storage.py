import json

import pytest
import torch
from tests.models.editing.networks import SETTINGS, WORDS, some_inputs, some_words

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights, write_weights
from seewhy.models.editing import storage
from seewhy.models.editing.building import build_networks
from seewhy.models.editing.config import editor_config
from seewhy.models.editing.storage import EditorParts, load_editor_parts, save_editor
from seewhy.models.editing.words import EditVocabulary

VOCABULARY = EditVocabulary(tuple(f"w{number}" for number in range(WORDS - 4)))


def parts(seed=0, **changes):
    settings = {
        "networks": [{**each, "words": WORDS} for each in SETTINGS.values()],
        "weights": (1.0, 2.0, 0.5),
        "source": {"kind": "file", "width": 5},
        "longest": 9,
    }
    config = editor_config(**settings | changes)
    return EditorParts(config, VOCABULARY, build_networks(config, seed=seed))


@torch.no_grad()
def scores(found):
    inputs, words = some_inputs(), some_words(3)
    return [each.double().eval()(inputs, words) for each in found.networks]


def test_an_editor_comes_back_with_every_number(tmp_path):
    editor = parts()
    save_editor(tmp_path / "deep/editor", editor, card="# An editor\n")
    found = load_editor_parts(str(tmp_path / "deep/editor"))
    assert (found.config, found.vocabulary) == (editor.config, VOCABULARY)
    assert not any(each.training for each in found.networks)
    for mine, given in zip(scores(found), scores(editor), strict=True):
        assert torch.equal(mine, given)
    assert sorted(path.name for path in (tmp_path / "deep/editor").iterdir()) == [
        *("card.md", "editor.json", "model.safetensors", "vocabulary.json"),
    ]


def test_halves_take_half_the_room_and_say_nearly_the_same(tmp_path):
    editor = parts()
    save_editor(tmp_path / "whole", editor)
    save_editor(tmp_path / "half", editor, halves=True)
    names = [tmp_path / name / "model.safetensors" for name in ("whole", "half")]
    whole, half = (sum(each.nbytes for each in read_weights(path).values()) for path in names)
    assert 2 * half == whole
    found = load_editor_parts(tmp_path / "half")
    assert {each.dtype for net in found.networks for each in net.parameters()} == {torch.float32}
    for mine, given in zip(scores(found), scores(editor), strict=True):
        torch.testing.assert_close(mine, given, atol=2e-3, rtol=0)


def test_an_embedded_editor_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_SHIPPED", tmp_path)
    save_editor(tmp_path / "editor-small", parts())
    assert storage.embedded_editors() == ("editor-small",)
    assert load_editor_parts("embedded:editor-small").config == parts().config
    with pytest.raises(UsageError, match="no embedded editor 'other'; there are editor-small"):
        load_editor_parts("embedded:other")


def test_parts_belong_together():
    editor = parts()
    with pytest.raises(UsageError, match="a vocabulary of 5 ids, and networks of 15"):
        EditorParts(editor.config, EditVocabulary(("a",)), editor.networks)
    for networks in (editor.networks[:2], editor.networks[::-1]):
        with pytest.raises(UsageError, match="not those that the configuration lists"):
            EditorParts(editor.config, VOCABULARY, networks)


def test_what_is_no_editor_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"holds no editor\.json"):
        load_editor_parts(tmp_path)
    save_editor(tmp_path, parts())
    config = json.loads((tmp_path / "editor.json").read_text())
    first, *others = config["networks"]
    for change, told in (
        ({"format": "seewhy.editor/2"}, "format"),
        ({"more": 1}, "more: Extra inputs"),
        ({"networks": [{**first, "width": 9}, *others]}, "misshaped"),
        ({"networks": [{**first, "pointer": True}, *others]}, "2 missing"),
        ({"networks": [first], "weights": None}, r"networks\.1.*belongs to none of 1 networks"),
    ):
        (tmp_path / "editor.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(UsageError, match=told):
            load_editor_parts(tmp_path)
    (tmp_path / "editor.json").write_text(json.dumps(config))
    (tmp_path / "vocabulary.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"vocabulary\.json' cannot be read"):
        load_editor_parts(tmp_path)
    (tmp_path / "vocabulary.json").unlink()
    with pytest.raises(UsageError, match="FileNotFoundError"):
        load_editor_parts(tmp_path)


def test_weights_that_are_not_numbers_are_refused(tmp_path):
    save_editor(tmp_path, parts())
    path = tmp_path / "model.safetensors"
    weights = read_weights(path)
    weights["networks.0.output.bias"] = torch.full((WORDS,), torch.nan)
    write_weights(path, weights)
    with pytest.raises(UsageError, match="NaN"):
        load_editor_parts(tmp_path)
