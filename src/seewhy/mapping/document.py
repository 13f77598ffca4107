"""What a run of maps was about, as one JSON document; equal runs have equal documents."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

SCHEMA: Final = "seewhy.maps/1"
DOCUMENT = "maps.json"


class MapsDocument(BaseModel):
    """What was asked, of how many images, and what a reader should know about the answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Literal["seewhy.maps/1"] = SCHEMA
    source: str
    encoder: str
    texts: list[str]
    others: list[str]
    templates: list[str]
    methods: list[str]
    size: int | None
    images: dict[str, int]
    notes: list[str]
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    question: str
