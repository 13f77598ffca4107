"""What a run of edits was about and came to, as one JSON document."""

from typing import Final, Literal

from pydantic import JsonValue

from seewhy.results.seals import Record

SCHEMA: Final = "seewhy.edits/1"
DOCUMENT = "edits.json"
EDITED = "edited.json"


class EditsDocument(Record):
    """What was edited by whom, how many captions and words changed, and what to know.

    `operations` counts words that were kept, replaced, inserted and deleted. Captions that are
    not `finished` were cut at the limit.
    """

    schema_version: Literal["seewhy.edits/1"] = SCHEMA
    source: str
    editor: str
    captions: dict[str, int]
    operations: dict[str, int]
    unfinished: int
    notes: list[str]
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    question: str
