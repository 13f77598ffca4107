"""Every way of making maps for texts, by name."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Protocol

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.attention_maps import AttentionRollout, LastAttention
from seewhy.methods.text_maps.grad_cam import GradCam
from seewhy.methods.text_maps.method import DEFAULT_VIEW, TextMapMethod, View
from seewhy.methods.text_maps.relevance import AttentionRelevance
from seewhy.methods.text_maps.score_cam import ScoreCam
from seewhy.methods.text_maps.surgery import MASKCLIP, SMOOTHING, ClipSurgery, ReverseMaps
from seewhy.models.names import suggestion


class _MakesMethod(Protocol):
    def __call__(self, *, view: View) -> TextMapMethod: ...


MAP_METHODS: Mapping[str, _MakesMethod] = MappingProxyType(
    {
        "clip-surgery": ClipSurgery,
        "smoothed-surgery": partial(ClipSurgery, smoothing=SMOOTHING),
        "raw": partial(ClipSurgery, surgery=None, removal="nothing"),
        "reverse": ReverseMaps,
        "maskclip": partial(ClipSurgery, surgery=MASKCLIP, removal="nothing"),
        "grad-cam": GradCam,
        "rollout": AttentionRollout,
        "attention": LastAttention,
        "relevance": AttentionRelevance,
        "score-cam": ScoreCam,
    }
)


def map_method(name: str, *, view: View = DEFAULT_VIEW) -> TextMapMethod:
    """The method of a name, with its own settings; raises `UsageError` for an unknown one."""
    if name not in MAP_METHODS:
        raise UsageError(
            f"no method {name!r} makes maps. {suggestion(name, MAP_METHODS)}"
            f"There are: {', '.join(MAP_METHODS)}."
        )
    return MAP_METHODS[name](view=view)
