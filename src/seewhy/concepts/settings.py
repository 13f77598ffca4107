"""Settings of concepts: what changes a number or a picture, and how the job runs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seewhy.models.templates import Templates

_HOW_IT_RUNS = frozenset({"progress", "max_failures", "device", "allow_download"})


class ConceptSettings(BaseModel):
    """How encoders are asked for concepts; frozen, and unknown names are refused.

    `bank` None takes the one that suits the encoders. `templates` None takes the published
    ones, or none where an encoder does not know their words; `size` None each encoder's own.
    `procedure` says what a part is: a cluster of the foreground, pointed at ("parts"), or a whole
    object, shown alone ("objects"); None takes objects where an encoder knows few words, and then
    has seen no pictures that point. `parts` is how many clusters an image has, or objects at
    most; `part_method` is that of clusters. `expected` is how many texts a class has; None takes
    one in twenty of the bank, 5 to 50. With the published protocol the images of a batch decide
    each other's parts, so `batch_size` changes results. `max_failures` is the share of images
    that may be unusable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["mended", "published"] = "mended"
    procedure: Literal["parts", "objects"] | None = None
    parts: int = Field(default=5, ge=1)
    refine: Literal["meanfield", "guided", "none"] = "meanfield"
    part_method: Literal["kmeans", "pca"] = "kmeans"
    expected: int | None = Field(default=None, ge=1)
    framing: Literal["whole", "model"] = "whole"
    size: int | None = Field(default=None, ge=1)
    templates: Templates | None = None
    bank: str | None = None
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    allow_download: bool = False
    tolerate_truncated: bool = False
    batch_size: int = Field(default=16, ge=1)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    progress: bool = False

    def recorded(self) -> dict[str, Any]:
        """The settings that numbers and pictures depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))
