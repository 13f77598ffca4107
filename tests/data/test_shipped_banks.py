import json
from collections import Counter
from importlib.resources import files

import pytest

from seewhy.base.errors import UsageError
from seewhy.data.bank_sources import load_bank
from seewhy.data.scenes import COLOURS, KINDS, TEXTURES
from seewhy.data.shipped_banks import SHIPPED_BANKS, object_texts, shipped_texts
from seewhy.models.vocabulary import WordTokenizer


def embedded_tokenizer():
    folder = files("seewhy.models.embedded") / "clip-objects"
    config = json.loads((folder / "open_clip_config.json").read_text())
    length = config["model_cfg"]["text_cfg"]["context_length"]
    return WordTokenizer(tuple(config["words"]), length)


@pytest.mark.parametrize("name", SHIPPED_BANKS)
def test_a_bank_that_ships_needs_no_cleaning(name):
    found = load_bank(name)
    assert not found.dropped
    assert found.texts == shipped_texts(name)
    assert 200 < len(found) < 1000


def test_the_embedded_encoder_knows_every_word_and_tells_all_texts_apart():
    texts = [f"a photo of {text}" for text in shipped_texts("objects")]
    tokens = embedded_tokenizer()(texts)
    assert len(set(map(tuple, tokens.tolist()))) == len(texts)


def test_objects_are_said_with_one_attribute_and_with_two():
    texts = object_texts()
    kinds, colours, textures = len(KINDS), len(COLOURS), len(TEXTURES)
    singles = kinds + colours + textures
    pairs = kinds * colours + kinds * textures + colours * textures
    assert len(texts) == len(set(texts)) == singles + pairs
    assert len(object_texts(most=1)) == singles
    assert len(object_texts(most=3)) == singles + pairs + kinds * colours * textures
    words = Counter(word for text in object_texts(most=1) for word in text.split())
    assert all(words[value] == 1 for value in (*KINDS, *COLOURS, *TEXTURES))
    assert {"a red circle", "a striped star", "a dotted blue object"} <= set(texts)
    assert "a white digit with the value 3" in texts


def test_the_general_bank_speaks_of_all_kinds_of_things():
    texts = set(shipped_texts("general"))
    assert {"dark red colour", "thin stripes", "wood", "round shape", "a long tail"} <= texts


def test_classes_are_left_out_of_a_bank_that_ships():
    found = load_bank("objects", class_names=["circle", "3"])
    assert not [text for text in found.texts if "circle" in text or text.endswith("3")]
    assert len(found) == len(load_bank("objects")) - 2 * (1 + len(COLOURS) + len(TEXTURES))


def test_no_other_bank_ships():
    with pytest.raises(UsageError, match="there are general, objects"):
        shipped_texts("imagenet")
