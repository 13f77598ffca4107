"""From what an audit measured to parts: page and figures show the same evidence."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from seewhy.audit.schema import Estimate, ModelDetails, Verdict
from seewhy.results.palette import DASHES
from seewhy.results.parts import ConceptScores, Curve, Unit

NO_GROUP = 6
"""The palette's grey, for what belongs to no concept group."""


def estimate_scores(title: str, estimates: Mapping[str, Estimate]) -> ConceptScores:
    """Named shares with their intervals; what has none gets NaN."""
    return ConceptScores(
        title=title,
        names=tuple(estimates),
        scores=_figures(estimates.values(), "value"),
        low=_figures(estimates.values(), "low"),
        high=_figures(estimates.values(), "high"),
        unit="share",
    )


def share_scores(verdict: Verdict) -> ConceptScores:
    """What the decisions rely on: the combined share of each concept group."""
    return estimate_scores("What the decisions go back to", verdict.shares)


def accuracy_scores(details: ModelDetails) -> ConceptScores:
    """Accuracy on each set of images."""
    return estimate_scores("Share of images classified correctly", details.accuracy)


def flip_scores(details: ModelDetails) -> ConceptScores:
    """Share of the decisions that each intervention changes."""
    return estimate_scores(
        "Decisions that change", {row.name: row.flipped for row in details.interventions}
    )


def graft_scores(details: ModelDetails) -> tuple[ConceptScores, ...]:
    """Images won by each concept group, before the graft and after the whole of it."""
    if not details.layers:
        return ()
    before, after = details.layers[0], details.layers[-1]
    return (
        estimate_scores("Before the graft", before.winners),
        estimate_scores(f"After the graft of {after.grafted} stages", after.winners),
    )


def readable_curve(details: ModelDetails) -> Curve:
    """Share of images whose right value is still read, along the stages grafted."""
    names = tuple(dict.fromkeys(name for layer in details.layers for name in layer.readable))
    rows = [[layer.readable.get(name) for layer in details.layers] for name in names]
    return _layer_curve(details, names, rows, title="Right value still read", unit="share")


def similarity_curves(
    details: ModelDetails, groups: Mapping[str, Mapping[str, Sequence[str]]]
) -> tuple[Curve, ...]:
    """Mean similarity per caption along the stages grafted, one curve per concept group."""
    return tuple(
        _layer_curve(
            details,
            tuple(labels.values()),
            [[layer.similarity.get(caption) for layer in details.layers] for caption in labels],
            title=f"Similarity with the captions of “{group}”",
            unit="similarity",
        )
        for group, labels in ((group, _caption_labels(values)) for group, values in groups.items())
    )


def similarity_colours(curve: Curve, place: int) -> tuple[int, ...]:
    """Few captions share their group's colour and differ by dashes; many get one colour each."""
    lines = len(curve.names)
    return (place,) * lines if lines <= DASHES else tuple(range(lines))


def matching_curve(details: ModelDetails) -> Curve:
    """Best correlation per encoder stage (mean; band from 5 to 95 %), and by chance."""
    stages = details.matching
    means = [stage.mean for stage in stages]
    chance = _numbers(stage.permuted_mean for stage in stages)
    low = [stage.quantiles[0] for stage in stages]
    high = [stage.quantiles[-1] for stage in stages]
    return Curve(
        title="Correlation of each unit with its match (mean; band: 5 to 95 % of the units)",
        axis="stage of the encoder",
        names=("matched", "chance level"),
        positions=np.arange(len(stages), dtype=np.float64),
        values=np.stack([_numbers(means), chance]),
        low=np.stack([_numbers(low), chance]),
        high=np.stack([_numbers(high), chance]),
        ticks=short_sites([stage.site for stage in stages]),
        unit="score",
    )


def short_sites(sites: Sequence[str]) -> tuple[str, ...]:
    """Site names without the leading and trailing words that all of them share."""
    words = [site.split(".") for site in sites]
    while len(words) > 1 and min(map(len, words)) > 1 and len({word[0] for word in words}) == 1:
        words = [word[1:] for word in words]
    while len(words) > 1 and min(map(len, words)) > 1 and len({word[-1] for word in words}) == 1:
        words = [word[:-1] for word in words]
    return tuple(".".join(word) for word in words)


def _layer_curve(
    details: ModelDetails,
    names: tuple[str, ...],
    rows: Sequence[Sequence[Estimate | None]],
    *,
    title: str,
    unit: Unit,
) -> Curve:
    shape = (len(names), len(details.layers))
    return Curve(
        title=title,
        axis="stages grafted",
        names=names,
        positions=_numbers(float(layer.grafted) for layer in details.layers),
        values=np.array([_figures(row, "value") for row in rows]).reshape(shape),
        low=np.array([_figures(row, "low") for row in rows]).reshape(shape),
        high=np.array([_figures(row, "high") for row in rows]).reshape(shape),
        unit=unit,
    )


def _caption_labels(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Caption -> label: the value it stands for, or the caption where a value has several."""
    return {
        caption: value if len(captions) == 1 else caption
        for value, captions in values.items()
        for caption in captions
    }


def _figures(
    estimates: Iterable[Estimate | None], name: Literal["value", "low", "high"]
) -> Float[np.ndarray, " estimates"]:
    return _numbers(None if estimate is None else getattr(estimate, name) for estimate in estimates)


def _numbers(values: Iterable[float | None]) -> Float[np.ndarray, " values"]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
