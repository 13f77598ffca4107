"""Convolutional image towers of timm, such as ConvNeXt, as far as maps are read off them."""

from typing import Any, NamedTuple

from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.wrappers import unwrapped


class LastStage(NamedTuple):
    """The submodule that gives the last maps before pooling, and how many channels these have."""

    name: str
    channels: int


def last_stage(encoder: OpenClipEncoder) -> LastStage | None:
    """The last stage of an image tower of timm's without tokens; None for any other tower."""
    trunk: Any = getattr(unwrapped(getattr(encoder.module, "visual", None)), "trunk", None)
    stages = list(getattr(trunk, "feature_info", ()))
    if not stages or hasattr(trunk, "num_prefix_tokens"):
        return None
    return LastStage(f"trunk.{stages[-1]['module']}", stages[-1]["num_chs"])
