"""What is wrong with a drawn caption whose truth is known, by the kinds of planted corruptions."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from seewhy.data.editing.facts import EditFacts, Role
from seewhy.models.editing.alignment import Operation, edit_script

WRONG_WORD = "wrong word"
HIDDEN = "other colour"
"""The colour that no picture of the task shows: no fault has it, so it can only be harmed."""

_OF_ROLES: Mapping[Role, str] = {
    "article": "colour",
    "colour": "colour",
    "kind": "kind",
    "verb": WRONG_WORD,
    "relation": "relation",
    "other article": HIDDEN,
    "other colour": HIDDEN,
    "other kind": "other kind",
}


def drawn_faults(words: Sequence[str], facts: EditFacts) -> frozenset[str]:
    """The kinds of faults of a caption; none of the true one.

    Words are aligned with the truth's. A word that stands for another is a fault of the part it
    plays, an article of its colour; what is missing or too much beside it belongs to it. The first
    object's kind in place of the second's is a "repeated noun". Neighbours that changed places are
    "swapped words", words without a counterpart "dropped word" and "inserted word".
    """
    if tuple(words) == facts.words:
        return frozenset()
    script = edit_script(facts.words, words)
    runs = groupby(script, key=lambda each: each.kind == "keep")
    changed = [list(run) for is_kept, run in runs if not is_kept]
    swapped = list(_swaps(script))
    found = {"swapped words"} if swapped else set()
    for run in changed:
        left = [each for each in run if each not in swapped]
        found.update(_kinds(left, facts))
    return frozenset(found)


def _kinds(run: Sequence[Operation], facts: EditFacts) -> Iterator[str]:
    replaced = [each for each in run if each.kind == "replace"]
    for each in replaced or run:
        match each.kind:
            case "insert":
                yield "inserted word"
            case "delete":
                yield "dropped word"
            case _:
                yield _replaced(each, facts)


def _replaced(operation: Operation, facts: EditFacts) -> str:
    if operation.source is None:
        return WRONG_WORD
    role = facts.parts[operation.source].role
    if role == "other kind" and operation.new == facts.kind:
        return "repeated noun"
    return _OF_ROLES[role]


def _swaps(script: Sequence[Operation]) -> Iterator[Operation]:
    """Operations by which two neighbours change places."""
    for first, second in pairwise(script):
        are_replaced = first.kind == second.kind == "replace"
        if are_replaced and (first.old, first.new) == (second.new, second.old):
            yield from (first, second)
    for first, between, last in zip(script, script[1:], script[2:], strict=False):
        is_around = between.kind == "keep" and {first.kind, last.kind} == {"insert", "delete"}
        if is_around and (first.new or first.old) == (last.new or last.old):
            yield from (first, last)
