"""What a run of told reasons was about and came to, as one JSON document."""

from typing import Final, Literal

from pydantic import JsonValue

from seewhy.results.seals import Record

SCHEMA: Final = "seewhy.tellings/1"
DOCUMENT = "tellings.json"


class TellingsDocument(Record):
    """What was asked, of how many images, how the reasons fared, and what a reader should know.

    `verdicts` counts reasons by their support; it is empty where none was asked for. `agreed` is
    how many of a classifier's answers the narrator would have given, too.
    """

    schema_version: Literal["seewhy.tellings/1"] = SCHEMA
    source: str
    narrator: str
    encoder: str | None
    classifier: str | None
    questions: list[str]
    images: dict[str, int]
    reasons: int
    verdicts: dict[str, int]
    agreed: int | None
    notes: list[str]
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    question: str
