"""Every reading by name."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from seewhy.audit.alternatives.alignment import decision_covariance, weight_alignment
from seewhy.audit.alternatives.combined import verdict
from seewhy.audit.alternatives.directions import caption_moves
from seewhy.audit.alternatives.keywords import bias_keywords
from seewhy.audit.alternatives.standard import (
    published_graft,
    selective_interventions,
    shapley_share,
    unique_share,
)
from seewhy.audit.alternatives.subject import Images, Reading
from seewhy.audit.alternatives.tied_graft import tied_graft

_IMAGES: tuple[Images, ...] = ("yours", "probe")
_BY_IMAGES = {
    "unique": (unique_share, "unique share of the variance of the class probabilities"),
    "shapley": (shapley_share, "Shapley share of the variance of the class probabilities"),
    "weights": (weight_alignment, "cosine of mapped class weights with caption directions"),
    "covariance": (decision_covariance, "covariance of the logits with mapped concept scores"),
    "moves": (caption_moves, "probability that moves with another value's caption"),
}
_OTHERS: dict[str, tuple[Reading, str]] = {
    "default": (verdict, "the audit's verdict"),
    "counterfactuals": (
        partial(verdict, rows="counterfactuals"),
        "the verdict by counterfactuals alone",
    ),
    "mean-of-rows": (partial(verdict, combination="mean"), "the verdict by the mean of all rows"),
    "before": (partial(verdict, rows="before"), "the verdict without counterfactuals"),
    "interventions": (selective_interventions, "change of the answers when pixels lose one group"),
    "graft-published": (published_graft, "group whose captions gain most by the graft"),
    "graft-tied": (
        partial(tied_graft, against="nothing"),
        "concept contrast that units with much attribution carry",
    ),
    "graft-tied-gain": (
        partial(tied_graft, against="others"),
        "the same, less what the units with little attribution carry",
    ),
    "keywords": (bias_keywords, "captions that suit wrong images better than right ones"),
}
_ENTRIES: dict[str, tuple[Reading, str]] = {
    f"{name}-{images}": (partial(reading, images=images), f"{sentence}, {images} images")
    for name, (reading, sentence) in _BY_IMAGES.items()
    for images in _IMAGES
} | _OTHERS

READINGS: Mapping[str, Reading] = MappingProxyType({n: entry[0] for n, entry in _ENTRIES.items()})
DESCRIPTIONS: Mapping[str, str] = MappingProxyType({n: entry[1] for n, entry in _ENTRIES.items()})
"""A line about each reading."""
