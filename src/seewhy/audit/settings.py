"""Settings of an audit: what changes a number, and how the passes run."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field

_HOW_IT_RUNS = frozenset({"workers", "engine", "address", "parts", "progress"})


class AuditSettings(BaseModel):
    """Frozen settings; unknown names and impossible values are refused.

    `protocol` "paper" reads the graft as published (bicubic resize, winners of the influence)
    and lets that reading alone give the verdict; "default" uses the readings that can be shown
    to be right (docs/methods/audit.md). `controls` counts the untrained copies of each model,
    `bootstrap` the resamples behind each interval, `probe_images` the drawn images that know
    nothing of the task, `level` the largest p-value that still counts. `memory` bounds what the
    graft holds at once; `approximate` "bf16" multiplies its maps in bfloat16.

    `shard_images` images are the most that an interrupted run loses; `workers` processes read
    images ahead; `engine` "ray" spreads the shards over a Ray cluster, at `address` if given.
    `parts` is a folder in which finished shards are kept and looked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["default", "paper"] = "default"
    seed: int = Field(default=0, ge=0)
    batch_size: int = Field(default=32, ge=1)
    device: str = "auto"
    bootstrap: int = Field(default=1000, ge=100)
    controls: int = Field(default=8, ge=3)
    probe_images: int = Field(default=400, ge=50)
    level: float = Field(default=0.01, gt=0, lt=0.5)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    memory: ByteSize = Field(default=ByteSize(4_000_000_000), gt=0)
    approximate: Literal["bf16"] | None = None
    shard_images: int = Field(default=256, ge=1)
    allow_download: bool = False
    tolerate_truncated: bool = False
    workers: int = Field(default=0, ge=0)
    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    parts: Path | None = None
    progress: bool = False

    def recorded(self) -> dict[str, Any]:
        """The settings that numbers depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))
