"""Words as the COCO caption toolkit counts them: Penn Treebank, lower case, no punctuation."""

import re
from functools import lru_cache

PUNCTUATION = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])

_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": " ", '"': " ", "\ufffd": " "}
)
_BRACKETS = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
}
_ABBREVIATIONS = (
    "adm|apt|ave|blvd|bros|capt|co|col|cmdr|corp|cpl|dept|det|dr|etc|esq|gen|gov|hon|hwy|inc|jr|"
    "lt|ltd|maj|messrs|mr|mrs|ms|mt|ph\\.d|prof|pvt|rep|rev|sen|sgt|sr|st|vs"
)
_TOKEN = re.compile(
    rf"""
    https?://\S+ | [\w.+-]+@\w+(?:\.\w+)+
    | (?<!\w)(?:[^\W\d_]\.){{2,}}
    | (?<!\w)(?:{_ABBREVIATIONS})\.
    | (?<!\w)'(?=(?:s|m|d|re|ve|ll|t)\b)\w+
    | \d*(?:[.,:]?\d)+(?:[-/'\w]*\w)?
    | \w+(?:[-/']\w+)*
    | [^\w\s]
    """,
    re.VERBOSE,
)
_CONTRACTED = re.compile(r"(.+?)(n't|'(?:s|m|d|re|ve|ll))", re.DOTALL)
_JOINED = {
    "cannot": ("can", "not"),
    "gimme": ("gim", "me"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "lemme": ("lem", "me"),
    "wanna": ("wan", "na"),
}


@lru_cache(maxsize=65536)
def caption_words(text: str) -> tuple[str, ...]:
    """The words of a text; none for an empty one.

    Hyphens and slashes within words stay, contractions are split ("ca n't", "dog 's"), brackets
    become "-lrb-" and so on and count as words, as the lower-casing of the published pipeline has
    it. An approximation of the Stanford tokenizer that agrees on plain English captions;
    abbreviations, markup and internet slang may be cut elsewhere.

    >>> caption_words("He can't see the dog's T-shirt, (blue)!")
    ('he', 'ca', "n't", 'see', 'the', 'dog', "'s", 't-shirt', '-lrb-', 'blue', '-rrb-')
    """
    found = _TOKEN.findall(text.translate(_PLAIN).lower())
    return tuple(word for token in found for word in _split(token) if word not in PUNCTUATION)


def _split(token: str) -> tuple[str, ...]:
    if token in _BRACKETS:
        return (_BRACKETS[token],)
    if token in _JOINED:
        return _JOINED[token]
    contracted = _CONTRACTED.fullmatch(token)
    return (contracted[1], contracted[2]) if contracted else (token,)
