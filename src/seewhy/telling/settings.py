"""Settings of told reasons: what changes a word, a number or a picture, and how the job runs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

USUAL_NARRATOR = "embedded:narrator-tiny"
USUAL_ENCODER = "embedded:clip-objects"
USUAL_QUESTION = "what is the main object in the image"

_HOW_IT_RUNS = frozenset({"progress", "max_failures", "device", "allow_download", "batch_size"})


class TellingSettings(BaseModel):
    """How reasons are written and checked; frozen, and unknown names are refused.

    `beams` above 1 looks for the likeliest sentence. `support` asks an encoder about what a reason
    names, and `hiding` what the sentence, and a classifier, make of the image without it. `region`
    is the share of an image's pixels that the region of a thing has at most. `bank` names the
    concepts that other things than drawn ones are compared with. `size` None suits the encoder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: tuple[str, ...] = (USUAL_QUESTION,)
    beams: int = Field(default=1, ge=1)
    support: bool = True
    hiding: bool = True
    region: float = Field(default=0.1, gt=0, le=0.5)
    bank: str = "general"
    size: int | None = Field(default=None, ge=1)
    figures: bool = True
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    allow_download: bool = False
    tolerate_truncated: bool = False
    batch_size: int = Field(default=8, ge=1)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    progress: bool = False

    def recorded(self) -> dict[str, Any]:
        """The settings that words, numbers and pictures depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))
