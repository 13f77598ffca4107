"""What a word of a caption speaks of: a colour, a kind, a relation, or whatever a file says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, RootModel

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.scenes import COLOURS, SHAPES
from seewhy.evaluation.captions.files import checked, read_json
from seewhy.evaluation.captions.words import caption_words

OTHER = "other"
DRAWN = "drawn"
RELATIONS = ("above", "below", "left", "right")

FORM = 'an object such as {"colour": ["red", "green"], "animal": ["dog", "cat"]}'


@dataclass(frozen=True)
class WordClasses:
    """The attribute that each word speaks of; words that are not listed speak of "other"."""

    name: str
    listed: Mapping[str, str]

    def of(self, word: str) -> str:
        """The attribute of a word."""
        return self.listed.get(word, OTHER)

    @property
    def attributes(self) -> tuple[str, ...]:
        """All of them in order, "other" last."""
        return (*dict.fromkeys(self.listed.values()), OTHER)


def drawn_word_classes() -> WordClasses:
    """Colours, kinds and relations of drawn scenes."""
    return word_classes(DRAWN, {"colour": COLOURS, "kind": SHAPES, "relation": RELATIONS})


def word_classes(name: str, lists: Mapping[str, Iterable[str]]) -> WordClasses:
    """Classes out of lists; raises `UsageError` for what is no single word, or has two classes."""
    found: dict[str, str] = {}
    for attribute, texts in lists.items():
        for text in texts:
            words = caption_words(text)
            if len(words) != 1:
                raise UsageError(
                    f"{name} lists {text!r} as {attribute!r}; as captions are cut these are "
                    f"{len(words)} words. List single words."
                )
            if found.setdefault(words[0], attribute) != attribute:
                raise UsageError(
                    f"{name} lists {text!r} as {found[words[0]]!r} and as {attribute!r}. Give "
                    "each word one attribute."
                )
    return WordClasses(name, found)


def named_word_classes(name: str) -> WordClasses:
    """Those of drawn scenes for "drawn", else those in a JSON file."""
    if name == DRAWN:
        return drawn_word_classes()
    path = Path(name)
    lists = checked(_Lists, read_json(path), path=path, wanted=FORM).root
    if not lists or OTHER in lists:
        what = f"the attribute {OTHER!r}, which is for all else" if lists else "no attribute"
        raise UsageError(f"{shown(path)} holds {what}. Wanted is {FORM}.")
    return word_classes(path.name, lists)


class _Lists(RootModel[dict[str, list[str]]]):
    model_config = ConfigDict(strict=True)
