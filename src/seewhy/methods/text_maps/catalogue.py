"""Every way of making maps for texts, by name."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.attention_maps import AttentionRollout, LastAttention
from seewhy.methods.text_maps.grad_cam import GradCam
from seewhy.methods.text_maps.method import DEFAULT_VIEW, TextMapMethod, View
from seewhy.methods.text_maps.reading import Removal
from seewhy.methods.text_maps.relevance import AttentionRelevance
from seewhy.methods.text_maps.score_cam import ScoreCam
from seewhy.methods.text_maps.surgery import MASKCLIP, SMOOTHING, ClipSurgery, ReverseMaps
from seewhy.models.names import suggestion
from seewhy.models.openclip import OpenClipEncoder
from seewhy.passes.prompts import knows_published


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


WITH_REMOVAL = ("clip-surgery", "smoothed-surgery")
"""The methods that take something off their maps."""


def usual_removal(encoder: OpenClipEncoder) -> Removal:
    """What surgery takes from maps of this encoder if nothing else is asked for.

    To an encoder of few words the empty text says nothing: its training never gave it a meaning.
    """
    return "redundant" if knows_published(encoder) else "nothing"


def suited_method(
    name: str,
    encoder: OpenClipEncoder,
    *,
    view: View = DEFAULT_VIEW,
    removal: Removal | None = None,
) -> TextMapMethod:
    """The method of a name that takes off what was asked for, or what is usual for the encoder."""
    found = map_method(name, view=view)
    if isinstance(found, ClipSurgery) and found.name in WITH_REMOVAL:
        return replace(found, removal=removal or usual_removal(encoder))
    return found
