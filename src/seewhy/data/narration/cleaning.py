"""Questions and answers in the plain form in which they are asked and compared.

The rules, the number words and the words with apostrophes are those of the public VQA evaluation.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

_DROPPED = str.maketrans("-/", "  ", ".,'!?\"()*#:;")
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_GROUP = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_MOST_FULL_STOPS = 32
_ARTICLES = {"a", "an", "the"}
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
} | {"none": "0"}
_WITH_APOSTROPHES = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've
might've mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've
shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll
someone's something'd something'd've something'll that's there'd there'd've there're there's
they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's
won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""


def clean_question(text: str) -> str:
    """Lower case without marks; a hyphen or slash becomes a space, and double spaces stay.

    >>> clean_question("What's the man's T-shirt like?")
    'whats the mans t shirt like'
    """
    return text.lower().translate(_DROPPED)


def normalise_answer(text: str) -> str:
    """Without marks, articles and capitals, with digits for number words up to ten.

    >>> normalise_answer("The two T-shirts!")
    '2 t shirts'
    """
    plain = text.replace("\n", " ").replace("\t", " ").strip()
    words = (_NUMBERS.get(word, word) for word in _without_marks(plain).lower().split())
    spelled = _spelled()
    return " ".join(spelled.get(word, word) for word in words if word not in _ARTICLES)


def majority_answer(answers: Sequence[str]) -> str:
    """The most frequent normalised answer, the first of those that are equally frequent."""
    return Counter(map(normalise_answer, answers)).most_common(1)[0][0]


def _without_marks(text: str) -> str:
    has_digit_group = _DIGIT_GROUP.search(text) is not None
    cleaned = text
    for mark in _MARKS:
        is_deleted = has_digit_group or f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if is_deleted else " ")
    return _FULL_STOP.sub("", cleaned, count=_MOST_FULL_STOPS)


@cache
def _spelled() -> dict[str, str]:
    """Each word with one of its apostrophes left out, to the word."""
    spelled = {
        word[:place] + word[place + 1 :]: word
        for word in _WITH_APOSTROPHES.split()
        for place, letter in enumerate(word)
        if letter == "'"
    }
    return spelled | {"somebody'd": "somebodyd"}
