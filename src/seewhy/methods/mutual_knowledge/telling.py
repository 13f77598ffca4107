"""An image's knowledge as parts of an explanation."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from seewhy.methods.mutual_knowledge.contrast import contrast_classes
from seewhy.methods.mutual_knowledge.knowledge import Asked, ClassOverlap, SeenImage
from seewhy.results.parts import ConceptScores, Curve, Heatmap, Part, Statement, Unit

_MOST_NAMED = 4


def told(
    asked: Asked, seen: SeenImage, winner: ClassOverlap, *, runner_up: ClassOverlap
) -> tuple[Part, ...]:
    """A sentence, each part with its texts, both lists, and how the shared ones are lost."""
    return (
        Statement("What both sides know", sentence(asked, seen, winner, runner_up=runner_up)),
        *(_part(asked, seen, row) for row in range(len(seen.parts))),
        _scores(
            "Found in the image, by relevance",
            asked.words(seen.concepts),
            seen.texts.ranked.scores.double().numpy(),
        ),
        _scores(
            f"Expected of {winner.name}",
            asked.words(asked.expected[winner.number]),
            np.array(asked.expected_similarities[winner.number]),
            unit="similarity",
        ),
        _scores(
            "Similarity with the classes",
            asked.classes,
            seen.similarities.astype(np.float64),
            unit="similarity",
        ),
        _dynamics(winner, runner_up),
    )


def sentence(
    asked: Asked, seen: SeenImage, winner: ClassOverlap, *, runner_up: ClassOverlap
) -> str:
    """What the image shares with its class, by chance or not, and what speaks for which class."""
    found, overlap = len(seen.concepts), winner.overlap
    contrast = contrast_classes(
        seen.concepts,
        winner=asked.expected[winner.number],
        rival=asked.expected[runner_up.number],
    )
    said = [
        f"Of {found} texts found in the image, {overlap.matches} are among the "
        f"{len(asked.expected[winner.number])} expected of {winner.name!r} "
        f"(chance of as many: {overlap.p_value:.2g}), and {runner_up.overlap.matches} among those "
        f"of the runner-up {runner_up.name!r}."
    ]
    said += _named(f"For {winner.name!r} alone", asked.words(contrast.winner))
    said += _named(f"For {runner_up.name!r} alone", asked.words(contrast.rival))
    if seen.is_fallback:
        said.append("Nothing stood out from the rest of the image; its strongest patches count.")
    return " ".join(said)


def _named(opening: str, words: Sequence[str]) -> list[str]:
    if not words:
        return []
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return [f"{opening}: {', '.join(words[:_MOST_NAMED])}{more}."]


def _part(asked: Asked, seen: SeenImage, row: int) -> Heatmap:
    """1 on the part and 0 elsewhere, over the model's input."""
    part = seen.parts[row]
    words = "; ".join(asked.words(seen.texts.ids[row].tolist()))
    inside = (seen.labels == part.label).astype(np.float32)
    return Heatmap(title=f"Part {part.label + 1}: {words}", values=inside, frame="input")


def _scores(
    title: str, names: Sequence[str], scores: Float[np.ndarray, " names"], *, unit: Unit = "score"
) -> ConceptScores:
    return ConceptScores(title=title, names=tuple(names), scores=scores, unit=unit)


def _dynamics(winner: ClassOverlap, runner_up: ClassOverlap) -> Curve:
    return Curve(
        title="Shared texts taken away, the most relevant first",
        axis="texts taken away",
        names=(winner.name, runner_up.name),
        positions=np.arange(len(winner.curve), dtype=np.float64),
        values=np.stack([winner.curve, runner_up.curve]),
    )
