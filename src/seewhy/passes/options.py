"""How a job is run; nothing here changes its numbers beyond rounding."""

from dataclasses import dataclass
from typing import Literal

from seewhy.base.errors import UsageError
from seewhy.passes.store import Store


@dataclass(frozen=True)
class PassOptions:
    """Settings of a run.

    `shard_images` records are lost at most when a run is killed. `workers` processes read ahead,
    in this process's engine only. Without a `store` nothing outlives the run. `address` is that
    of a running Ray cluster; without one, Ray looks for its usual settings or starts by itself.
    """

    shard_images: int = 256
    workers: int = 0
    progress: bool = False
    store: Store | None = None
    engine: Literal["local", "ray"] = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.shard_images < 1 or self.workers < 0:
            raise UsageError(
                f"shard_images {self.shard_images} must be at least 1, workers {self.workers} "
                "0 or more."
            )
        if self.engine not in ("local", "ray"):
            raise UsageError(f"no engine {self.engine!r}; there are 'local' and 'ray'.")
