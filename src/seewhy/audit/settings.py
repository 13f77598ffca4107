"""Settings of an audit; everything that changes a number is here."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """Frozen settings; unknown names and impossible values are refused.

    `protocol` "paper" reads the graft as published (bicubic resize, winners of the influence)
    and lets that reading alone give the verdict; "default" uses the readings that can be shown
    to be right (docs/methods/audit.md). `controls` counts the untrained copies of each model,
    `bootstrap` the resamples behind each interval, `probe_images` the drawn images that know
    nothing of the task, `level` the largest p-value that still counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["default", "paper"] = "default"
    seed: int = Field(default=0, ge=0)
    batch_size: int = Field(default=32, ge=1)
    device: str = "auto"
    bootstrap: int = Field(default=1000, ge=100)
    controls: int = Field(default=5, ge=3)
    probe_images: int = Field(default=400, ge=50)
    level: float = Field(default=0.01, gt=0, lt=0.5)
    max_failures: float = Field(default=0.01, ge=0, le=1)
    allow_download: bool = False
    tolerate_truncated: bool = False
    progress: bool = False
