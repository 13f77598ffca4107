import sys
from types import SimpleNamespace

import pytest

from seewhy.base.errors import UsageError
from seewhy.models.narration.gpt2 import Gpt2Tokenizer
from seewhy.models.narration.tokens import SPECIAL, VCR_SPECIAL


class StandIn:
    """What is used of transformers' tokenizer, over three pieces."""

    def __init__(self, *added):
        self.vocab = {"a": 0, "Ġb": 1, "<|endoftext|>": 2}
        self.add_special_tokens({"additional_special_tokens": list(added)})

    @classmethod
    def from_pretrained(cls, folder, *, local_files_only):
        assert local_files_only
        if "missing" in folder:
            raise OSError("no vocab.json")
        return cls()

    def add_special_tokens(self, tokens):
        for token in tokens["additional_special_tokens"]:
            self.vocab[token] = len(self.vocab)

    def get_vocab(self):
        return self.vocab

    def __len__(self):
        return len(self.vocab)

    def tokenize(self, text):
        return ["a", *["Ġb"] * text.count(" b")]

    def convert_tokens_to_ids(self, tokens):
        return [self.vocab.get(token, 2) for token in tokens]

    def decode(self, ids, *, clean_up_tokenization_spaces):
        assert not clean_up_tokenization_spaces
        names = list(self.vocab)
        return "".join(names[number] for number in ids).replace("Ġ", " ")


def test_special_tokens_are_appended_in_order_and_once():
    tokenizer = Gpt2Tokenizer(StandIn())
    assert tokenizer.ids(SPECIAL) == [3, 4, 5, 6, 7, 8]
    assert tokenizer.size == 9
    stored = StandIn(*VCR_SPECIAL)
    assert Gpt2Tokenizer(stored).ids(["<objects>", "<noobject>"]) == [4, 8]
    assert len(stored) == 9


def test_texts_become_pieces_and_come_back():
    tokenizer = Gpt2Tokenizer(StandIn())
    ids = tokenizer.ids(tokenizer.tokens("a b b"))
    assert ids == [0, 1, 1]
    assert tokenizer.text([2, *ids, 2, 3, 3]) == "a b b"
    assert tokenizer.text([1]) == "b"


def test_it_is_read_from_a_folder_and_nothing_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(GPT2Tokenizer=StandIn))
    assert Gpt2Tokenizer.from_folder(tmp_path).size == 9
    with pytest.raises(UsageError, match=r"no tokenizer of GPT-2: no vocab.json.*merges.txt"):
        Gpt2Tokenizer.from_folder(tmp_path / "missing")
