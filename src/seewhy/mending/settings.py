"""Settings of mended captions: what changes a word, a number or a picture, and how the job runs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

USUAL_EDITOR = "embedded:editor-tiny"

_HOW_IT_RUNS = frozenset({"progress", "max_failures", "device", "batch_size"})
_OF_THE_WHOLE = frozenset({"words", "least", "bootstrap", "seed"})


class MendingSettings(BaseModel):
    """How captions are edited and shown; frozen, and unknown names are refused.

    `beams` 1 takes the likeliest word each time, more look for the likeliest caption, of which
    `alternatives` are named beside it. A caption is edited `iterations` times. No run of
    `no_repeat` words comes twice (0: any may). `undoing` asks how much less likely the caption is
    without each edit. `words` names the attributes of words, and `least` uses give a word a row
    among the errors, whose intervals rest on `bootstrap` resamples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    beams: int = Field(default=3, ge=1)
    limit: int = Field(default=20, ge=1)
    no_repeat: int = Field(default=0, ge=0)
    alternatives: int = Field(default=2, ge=0)
    iterations: int = Field(default=1, ge=1)
    undoing: bool = True
    figures: bool = True
    words: str = "drawn"
    least: int = Field(default=5, ge=1)
    bootstrap: int = Field(default=1000, ge=100)
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    tolerate_truncated: bool = False
    batch_size: int = Field(default=32, ge=1)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    progress: bool = False

    def recorded(self) -> dict[str, Any]:
        """The settings that words, numbers and pictures depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))

    def of_an_image(self) -> dict[str, Any]:
        """Those of them that matter to a single image."""
        return {name: value for name, value in self.recorded().items() if name not in _OF_THE_WHOLE}
