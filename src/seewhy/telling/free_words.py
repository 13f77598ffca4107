"""Names of things in plain English, found by the words that end them; a rule, not a parser."""

from collections.abc import Sequence
from dataclasses import dataclass

from seewhy.telling.phrases import NounPhrase

_DETERMINER_TEXT = """
a an the this that these those his her its their our my your some any each every another one two
three four five six seven eight nine ten several many few both all
"""
_OTHER_TEXT = """
i you he she it we they there here who what which where when why how because as if while than
then so but or and nor for of in on at by to from with into onto over under above below near
behind beside between among around through across along up down off out against inside outside
next front back top bottom left right middle side only also very too just still more most less
much such other same like can could may might must shall should will would do does did has have
had having get gets got go goes going make makes made put puts see seen sees show shows shown
wear wears worn hold holds held ride rides sit sits stand stands walk walks run runs eat eats
drink drinks play plays use uses used carry carries fly flies swim swims hang hangs lie lies lay
cover covers contain contains let lets take takes taken give gives given come comes say says
said cannot able about them him us me something someone anything nothing people's picture image
photo
"""
_DETERMINERS = frozenset(_DETERMINER_TEXT.split())
_BE = frozenset(
    ("is", "are", "was", "were", "be", "been", "being", "looks", "look", "seems", "seem", "appears")
)
_NEGATIONS = frozenset(("no", "not", "without", "never", "isnt", "arent", "isn't", "aren't"))
_OTHERS = frozenset(_OTHER_TEXT.split())


@dataclass
class _Chunk:
    """Words in a row that may name something."""

    words: list[str]
    places: list[int]
    is_negated: bool
    is_predicate: bool


def free_phrases(words: Sequence[str]) -> tuple[NounPhrase, ...]:
    """The longest rows of words that are none of English's small words, nor verbs in "-ing".

    What stands right behind "is" goes before the name in front of it: "the sky is blue" names
    "blue sky".
    """
    found: list[NounPhrase] = []
    for chunk in _chunks(words):
        text, places = " ".join(chunk.words), tuple(chunk.places)
        if chunk.is_predicate and found and not found[-1].is_negated:
            subject = found[-1]
            phrase = NounPhrase(
                f"{text} {subject.text}", subject.words + places, is_negated=chunk.is_negated
            )
            found[-1:] = [subject, phrase] if chunk.is_negated else [phrase]
        else:
            found.append(NounPhrase(text, places, is_negated=chunk.is_negated))
    return tuple(found)


def _chunks(words: Sequence[str]) -> list[_Chunk]:
    found: list[_Chunk] = []
    is_open = is_negated = is_predicate = is_named = False
    for place, word in enumerate(words):
        if not _may_name(word, is_named=is_named):
            is_negated = word in _NEGATIONS or (is_negated and word in _DETERMINERS | _BE)
            is_predicate = word in _BE or (is_predicate and word in _NEGATIONS)
            is_named = word in _DETERMINERS
            is_open = False
            continue
        if not is_open:
            found.append(_Chunk([], [], is_negated, is_predicate))
        found[-1].words.append(word)
        found[-1].places.append(place)
        is_open, is_negated, is_predicate = True, False, False
        is_named = False
    return found


def _may_name(word: str, *, is_named: bool) -> bool:
    """Whether a word can be part of a name; behind "a" or "the" a word in "-ing" can."""
    if word in _DETERMINERS | _BE | _NEGATIONS | _OTHERS or not any(map(str.isalpha, word)):
        return False
    return is_named or not (len(word) > 5 and word.endswith(("ing", "ly")))
