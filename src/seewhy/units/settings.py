"""Settings of a run that names units."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_HOW_IT_RUNS = frozenset({"batch_size", "shard_images", "workers", "progress", "max_failures"})


class UnitSettings(BaseModel):
    """What decides the names, and how the job runs; frozen, and unknown names are refused.

    The first block is that of `seewhy.methods.unit_naming.method.UnitNaming`. `bank` ships or is a
    file; its texts stand by themselves, in no template. `max_failures` is the share of images that
    may be unusable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    similarity: Literal["soft-wpmi", "rank-reorder", "cosine-cubed", "rank-correlation"] = (
        "soft-wpmi"
    )
    summary: Literal["mean", "max"] = "mean"
    protocol: Literal["mended", "published"] = "mended"
    best_texts: int = Field(default=5, ge=2)
    shuffles: int = Field(default=199, ge=1)
    level: float = Field(default=0.05, gt=0, lt=1)
    most_images: int = Field(default=20_000, ge=1)
    seed: int = Field(default=0, ge=0)

    model: str = ""
    site: str = ""
    bank: str = "objects"
    encoder: str = "embedded:clip-objects"
    device: str = "auto"
    allow_download: bool = False
    tolerate_truncated: bool = False

    batch_size: int = Field(default=32, ge=1)
    shard_images: int = Field(default=256, ge=1)
    workers: int = Field(default=0, ge=0)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    progress: bool = False

    def recorded(self) -> dict[str, Any]:
        """The settings that numbers depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))
