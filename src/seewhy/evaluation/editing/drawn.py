"""How an editor does on drawn captions, whose truth and faults are known."""

from collections.abc import Sequence

from seewhy.base.errors import UsageError
from seewhy.data.editing.corruption import CORRUPTIONS
from seewhy.data.editing.facts import read_facts
from seewhy.data.editing.records import EditRecord
from seewhy.evaluation.editing.faults import HIDDEN, WRONG_WORD, drawn_faults
from seewhy.evaluation.editing.repairs import RESAMPLES, KnownEdit, Repairs, repairs

KINDS = (*CORRUPTIONS, HIDDEN, WRONG_WORD)
"""All kinds of faults; the last two are never planted, so they can only be made."""


def drawn_repairs(
    records: Sequence[EditRecord],
    edited: Sequence[Sequence[str]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Repairs:
    """What was mended and broken in the captions of drawn records, which `edited` are in words.

    Raises `UsageError` for other than one edited caption each, and for a truth that is worded
    otherwise than drawn ones.
    """
    if len(records) != len(edited):
        raise UsageError(
            f"{len(records)} records came with {len(edited)} edited captions; give one for each."
        )
    known = [known_edit(record, words) for record, words in zip(records, edited, strict=True)]
    return repairs(known, kinds=KINDS, resamples=resamples, seed=seed)


def known_edit(record: EditRecord, after: Sequence[str]) -> KnownEdit:
    """A drawn record with the words that an editor made of its caption."""
    facts = read_facts(record.truth)
    if facts is None:
        raise UsageError(
            f"the truth {' '.join(record.truth)!r} of {record.id!r} is not worded as drawn "
            "captions are. Give records of `drawn_edits`."
        )
    return KnownEdit(
        before=tuple(record.caption),
        after=tuple(after),
        truth=facts.words,
        faults=frozenset(each.kind for each in record.corruptions),
        seen=drawn_faults(record.caption, facts),
        left=drawn_faults(after, facts),
    )
