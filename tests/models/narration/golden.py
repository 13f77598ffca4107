"""The stored row layouts, and tokenizers that give their tokens without any vocabulary file."""

import json
from functools import cache
from pathlib import Path

from seewhy.data.narration.entries import ImageFolder
from seewhy.data.narration.nlx_files import read_nlx
from seewhy.data.narration.records import NarrationRecord, Vote
from seewhy.models.narration.tokens import END, SPACE, SPECIAL, build_word_tokenizer

LAYOUTS = json.loads((Path(__file__).parents[2] / "golden/nle/layouts.json").read_text("utf-8"))
TASKS = {
    "vqax": "vqaX", "act": "actX", "esnlive": "esnlive", "concepts": "esnlive", "vcr": "vcr",
}  # fmt: skip


def golden_records(name, part, folder):
    samples = LAYOUTS[name][f"{part}_samples"]
    if name == "uninlx":
        entries = samples.items() if isinstance(samples, dict) else enumerate(samples)
        return [
            NarrationRecord(
                str(key), "uninlx", (item["img_path"],), item["question"], (Vote(item["answer"]),),
                tuple([item["explanation"]] if part == "train" else item["explanation"]),
            )
            for key, item in entries
        ]  # fmt: skip
    path = folder / "samples.json"
    path.write_text(json.dumps(samples), encoding="utf-8")
    return list(read_nlx(path, TASKS[name], images=ImageFolder(folder)).records)


def rows(name, variant):
    found = LAYOUTS[name]
    return [*found[f"train_{variant}"], *found[f"eval_{variant}"]]


class PieceTokenizer:
    """GPT-2's pieces and ids of the words that the stored rows hold."""

    special = SPECIAL

    def __init__(self):
        self.pieces, self.numbers = {}, {}
        for row in (row for name in LAYOUTS for row in rows(name, "gpt2")):
            self.numbers |= dict(zip(row["tokens"], row["ids"], strict=True))
            word = []
            for token in [*row["tokens"], SPACE]:
                if token.startswith((SPACE, "<")):
                    self.pieces["".join(word)] = word
                    word = []
                if not token.startswith("<"):
                    word = [*word, token]
        self.pieces |= {f"{SPACE}diningtable": [f"{SPACE}dining", "table"]}
        self.pieces |= {f"{SPACE}wineglass": [f"{SPACE}wine", "glass"], "why": ["why"]}
        self.numbers |= {token: 50257 + place for place, token in enumerate(SPECIAL)}
        self.numbers |= {"Ġ0": 657, "Ġ1": 352, "Ġ2": 362, "Ġ3": 513}

    @property
    def size(self):
        return 50257 + len(SPECIAL)

    def tokens(self, text):
        words = [f"{SPACE}{word}" for word in text.split()]
        if words and not text.startswith(" "):
            words[0] = words[0].removeprefix(SPACE)
        return [piece for word in words for piece in self.pieces[word]]

    def ids(self, tokens):
        return [self.numbers[token] for token in tokens]

    def text(self, ids):
        tokens = {number: token for token, number in self.numbers.items()}
        left_out = {END, *SPECIAL}
        kept = (tokens[number] for number in ids if tokens[number] not in left_out)
        return "".join(kept).replace(SPACE, " ").strip()


@cache
def golden_tokenizer(variant):
    if variant == "gpt2":
        return PieceTokenizer()
    tokens = {t for name in LAYOUTS for row in rows(name, "word") for t in row["tokens"]}
    texts = [token.replace(SPACE, " ") for token in tokens if not token.startswith("<")]
    return build_word_tokenizer(texts, objects=4)
