"""Every way of explaining why two images are alike, by name."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Protocol

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.cams import GradCam, HiResCam, InteractionCam, LayerCam
from seewhy.methods.pairs.matched_gradient import MatchedGradient
from seewhy.methods.pairs.matching import PatchMatching
from seewhy.methods.pairs.method import PairMethod
from seewhy.methods.pairs.method import Protocol as PublishedOrMended
from seewhy.methods.pairs.occlusion import ConditionalOcclusion, ContextAgnosticOcclusion
from seewhy.methods.pairs.pairwise import PairwiseOcclusion
from seewhy.methods.pairs.saliency import AveragedTransforms, InputGradient, SmoothGrad
from seewhy.models.names import suggestion


class _MakesMethod(Protocol):
    def __call__(self, *, protocol: PublishedOrMended) -> PairMethod: ...


PAIR_METHODS: Mapping[str, _MakesMethod] = MappingProxyType(
    {
        "occlusion": ConditionalOcclusion,
        "context-agnostic-occlusion": ContextAgnosticOcclusion,
        "pairwise-occlusion": PairwiseOcclusion,
        "input-gradient": InputGradient,
        "smooth-grad": SmoothGrad,
        "averaged-transforms": AveragedTransforms,
        "layer-cam": LayerCam,
        "hires-cam": HiResCam,
        "grad-cam": GradCam,
        "interaction-cam": InteractionCam,
        "interaction-cam-max": partial(InteractionCam, reduction="max", slope="interaction"),
        "interaction-cam-attention": partial(
            InteractionCam, reduction="attention", slope="interaction"
        ),
        "patch-matching": PatchMatching,
        "matched-gradient": MatchedGradient,
    }
)


def pair_method(name: str, *, protocol: PublishedOrMended = "mended") -> PairMethod:
    """The method of a name, with its own settings; raises `UsageError` for an unknown one."""
    if name not in PAIR_METHODS:
        raise UsageError(
            f"no method {name!r} explains pairs. {suggestion(name, PAIR_METHODS)}"
            f"There are: {', '.join(PAIR_METHODS)}."
        )
    return PAIR_METHODS[name](protocol=protocol)
