"""Stems of English words by the rules of the Snowball project's English stemmer (Porter 2)."""

import re
from functools import lru_cache

_EXCEPTIONS = {
    "skis": "ski",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli",
    "early": "earli",
    "only": "onli",
    "singly": "singl",
    **{word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")},
}
_KEPT = ("inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed")
_FIRST_REGION = re.compile(r"gener|commun|arsen|.*?[aeiouy][^aeiouy]")
_LATER_REGION = re.compile(r".*?[aeiouy][^aeiouy]")
_SHORT_SYLLABLE = re.compile(r"(?:.*[^aeiouy][aeiouy][^aeiouywxY]|[aeiouy][^aeiouy])")
_DOUBLED = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
_SECOND = {
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "abli": "able",
    "entli": "ent",
    "izer": "ize",
    "ization": "ize",
    "ational": "ate",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "aliti": "al",
    "alli": "al",
    "fulness": "ful",
    "ousli": "ous",
    "ousness": "ous",
    "iveness": "ive",
    "iviti": "ive",
    "biliti": "ble",
    "bli": "ble",
    "ogi": "og",
    "fulli": "ful",
    "lessli": "less",
    "li": "",
}
_THIRD = {
    "tional": "tion",
    "ational": "ate",
    "alize": "al",
    "icate": "ic",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
    "ative": "",
}
_FOURTH = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ism", "ate", "iti", "ous", "ive", "ize", "ion"),
)


@lru_cache(maxsize=65536)
def english_stem(word: str) -> str:
    """The stem of a lower-case word.

    Source: the description of the algorithm at snowballstem.org (English, Porter 2).

    >>> [english_stem(word) for word in ("holding", "skies", "umbrellas", "relational")]
    ['hold', 'sky', 'umbrella', 'relat']
    """
    if len(word) <= 2:
        return word
    word = word.removeprefix("'")
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    word = re.sub(r"^y|(?<=[aeiouy])y", "Y", word)
    first = _end_of(_FIRST_REGION, word, 0)
    second = _end_of(_LATER_REGION, word, first)
    word = _plural(re.sub(r"'s'$|'s$|'$", "", word))
    if word not in _KEPT:
        word = _past(word, first)
        word = re.sub(r"(?<=.)([^aeiouy])[yY]$", r"\1i", word)
        word = _replaced(word, _SECOND, first)
        word = _third(word, first, second)
        word = _shorn(word, second)
        word = _final(word, first, second)
    return word.replace("Y", "y")


def _end_of(region: re.Pattern[str], word: str, start: int) -> int:
    found = region.match(word, start)
    return found.end() if found else len(word)


def _plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and re.search("[aeiouy]", word[:-2]):
        return word[:-1]
    return word


def _past(word: str, first: int) -> str:
    if found := re.search("(eedly|eed)$", word):
        return word[: found.start()] + "ee" if found.start() >= first else word
    found = re.search("(ingly|edly|ing|ed)$", word)
    if not found or not re.search("[aeiouy]", word[: found.start()]):
        return word
    stem = word[: found.start()]
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if stem.endswith(_DOUBLED):
        return stem[:-1]
    is_short = first >= len(stem) and _SHORT_SYLLABLE.fullmatch(stem)
    return stem + "e" if is_short else stem


def _replaced(word: str, endings: dict[str, str], region: int) -> str:
    """The longest ending decides, also where it may not be replaced."""
    ending = max((each for each in endings if word.endswith(each)), key=len, default="")
    stem = word[: len(word) - len(ending)]
    if not ending or len(stem) < region:
        return word
    if ending == "ogi" and not stem.endswith("l"):
        return word
    if ending == "li" and stem[-1:] not in set("cdeghkmnrt"):
        return word
    return stem + endings[ending]


def _third(word: str, first: int, second: int) -> str:
    in_reach = not word.endswith("ative") or len(word) - len("ative") >= second
    return _replaced(word, _THIRD, first) if in_reach else word


def _shorn(word: str, second: int) -> str:
    ending = max((each for each in _FOURTH if word.endswith(each)), key=len, default="")
    stem = word[: len(word) - len(ending)]
    is_loose = ending != "ion" or stem.endswith(("s", "t"))
    return stem if len(stem) >= second and is_loose else word


def _final(word: str, first: int, second: int) -> str:
    stem = word[:-1]
    if word.endswith("e"):
        is_loose = len(stem) >= first and not _SHORT_SYLLABLE.fullmatch(stem)
        return stem if len(stem) >= second or is_loose else word
    return stem if word.endswith("ll") and len(stem) >= second else word
