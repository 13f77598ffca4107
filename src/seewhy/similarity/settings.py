"""Settings of explained pairs: what changes a number or a picture, and how the job runs."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from seewhy.evaluation.pairs.pointing import TOP

_HOW_IT_RUNS = frozenset({"progress", "max_failures", "device", "allow_download", "batch_size"})


class PairSettings(BaseModel):
    """How pairs are explained, drawn and kept; frozen, and unknown names are refused.

    `methods` are names of `methods.pairs.catalogue`; None stands for matched-gradient, where the
    encoder has maps, beside occlusion: what both views show, and what is lost without it.
    `compared` is that of `load_image_encoder`. `framing` "model" shows the encoder what its own
    preprocessing leaves, "whole" all of the image squashed into the input; `size` None is the
    encoder's own. `top` is how many neighbours are explained, `region` the share of an image's
    pixels that its top region has at most. `arrays` keeps the maps themselves, over the image or
    over the encoder's input as `frame` says. `batch_size` is how many images are embedded and how
    many pairs are explained at a time, `max_failures` the share of images that may be unusable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[str, ...] | None = None
    protocol: Literal["mended", "published"] = "mended"
    compared: Literal["head", "features"] | None = None
    framing: Literal["model", "whole"] = "model"
    size: int | None = Field(default=None, ge=1)
    top: int = Field(default=10, ge=1)
    region: float = Field(default=TOP, gt=0, le=0.5)
    arrays: bool = False
    frame: Literal["image", "input"] = "image"
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
