"""Settings of maps and points: what changes a number or a picture, and how the job runs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seewhy.models.templates import Templates

MOST_SHIFTS = 8
"""Each image is then read 64 times."""

_HOW_IT_RUNS = frozenset({"batch_size", "progress", "max_failures", "strict"})


class AskSettings(BaseModel):
    """How an encoder is asked about texts; frozen, and unknown names are refused.

    `templates` None takes the published ones, or none where the encoder does not know their words;
    `size` None a size that suits the encoder. `removal` is that of surgery; None takes away what
    the empty text sees, or nothing where the encoder does not know those words: its training then
    never gave the empty text a meaning. `shifts` is that of `View`. `strict` refuses texts
    that are longer than the encoder reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    templates: Templates | None = None
    size: int | None = Field(default=None, ge=1)
    framing: Literal["whole", "model"] = "whole"
    scaling: Literal["raw", "min-max"] = "raw"
    removal: Literal["redundant", "common", "weighted-common", "nothing"] | None = None
    shifts: int = Field(default=1, ge=1, le=MOST_SHIFTS)
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    allow_download: bool = False
    strict: bool = False
    tolerate_truncated: bool = False


class MapSettings(AskSettings):
    """How maps are made, drawn and kept.

    `look` is that of pictures, `frame` that of the stored arrays. A figure puts all maps of an
    image side by side, and takes longer than the maps themselves. `max_failures` is the share of
    images that may be unusable, `batch_size` how many are held at once.
    """

    methods: tuple[str, ...] = ("clip-surgery",)
    look: Literal["signed", "published"] = "signed"
    figures: bool = True
    arrays: bool = True
    frame: Literal["grid", "input", "image"] = "grid"
    batch_size: int = Field(default=8, ge=1)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    progress: bool = False

    def recorded(self) -> dict[str, Any]:
        """The settings that numbers and pictures depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))


class PointSettings(AskSettings):
    """How points and masks are found.

    A mask is where the map, from 0 to 1, reaches `mask_threshold`. `threshold`, `shrink` and
    `apart` are those of `seewhy.methods.text_maps.points`.
    """

    method: str = "clip-surgery"
    threshold: float = Field(default=0.8, gt=0, le=1)
    shrink: int = Field(default=2, ge=1)
    apart: bool = False
    mask_threshold: float = Field(default=0.5, gt=0, le=1)


class SentenceSettings(AskSettings):
    """How a sentence and an image are explained together; a sentence goes into no template.

    `by` and `top` are those of `seewhy.methods.text_maps.sentences.SentenceView`.
    """

    templates: Literal["none"] = "none"
    removal: Literal["redundant"] = "redundant"
    shifts: Literal[1] = 1
    by: Literal["end", "top"] = "end"
    top: int = Field(default=3, ge=1)
