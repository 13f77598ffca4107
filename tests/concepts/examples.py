"""Tiny encoders, few classes, a small bank, and folders of small pictures."""

from tests.mapping.examples import AnyText, scene

from seewhy.concepts.asking import asked_concepts
from seewhy.concepts.classes import known_classes
from seewhy.concepts.settings import ConceptSettings
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.tiny import SIDE, tiny_dual_encoder

CLASSES = ("a dog", "a cat", "a bird")
BANK = [
    "red",
    "green",
    "blue",
    "striped",
    "dotted",
    "soft",
    "round",
    "square",
    "dark",
    "<b>big</b>",
]


class AnyWords(AnyText):
    """A tokenizer without unknown words, to which a word is a token."""

    def encode(self, text):
        return text.split()

    def decode(self, ids):
        return " ".join(ids)


def encoder(name="tiny", seed=0):
    """An untrained encoder that takes any text."""
    tiny = tiny_dual_encoder("vit", seed)
    tokenizer = AnyWords(tiny.module.vocab_size)
    return OpenClipEncoder(
        tiny.module, preprocess=tiny.preprocessing, tokenizer=tokenizer, name=name
    )


def quick(**changes):
    """Settings that take the least time; the bank has to be given."""
    fields = {
        "refine": "none", "parts": 2, "expected": 4, "templates": "none", "size": SIDE,
        "max_failures": 1.0,
    }  # fmt: skip
    return ConceptSettings(**fields | changes)


def bank_file(place):
    path = place / "bank.txt"
    path.write_text("\n".join(BANK), encoding="utf-8")
    return str(path)


def labelled_folder(place, count=2, names=("a_dog", "a_cat")):
    """A folder per class, with as many pictures in each."""
    for offset, name in enumerate(names):
        (place / name).mkdir(parents=True)
        for number in range(count):
            scene(10 * offset + number).save(place / name / f"{number}.png")
    return place


def question(bank, encoders=None, settings=None, records=(), classes=CLASSES):
    settings = settings or quick(bank=bank)
    return asked_concepts(encoders or [encoder()], known_classes(classes, records), settings)
