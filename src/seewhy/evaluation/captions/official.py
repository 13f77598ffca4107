"""METEOR and SPICE as their own programs compute them, through pycocoevalcap and Java."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.items import Items, Words

OfficialName = Literal["METEOR", "SPICE"]


@dataclass(frozen=True, eq=False)
class OfficialScore:
    """The score of the whole, which for METEOR is no mean, and of each text; 0 to 1."""

    value: float
    each: Float[np.ndarray, " items"]


def official_names(given: Sequence[str]) -> tuple[OfficialName, ...]:
    """Names of programs, each once; `UsageError` for an unknown one."""
    known: tuple[OfficialName, ...] = get_args(OfficialName)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UsageError(f"there is no official program {unknown[0]!r}. Choose METEOR or SPICE.")
    return tuple(name for name in known if name in given)


def official_score(items: Items, name: OfficialName) -> OfficialScore:
    """Run the official program on these words.

    SPICE fetches its language models when it first runs. Raises `UsageError` where pycocoevalcap
    or Java is missing.
    """
    scorer = _scorer(name)
    # SPICE returns its scores in the order of sorted ids.
    names = [f"{place:09d}" for place in range(len(items))]
    candidates = {key: [_line(words)] for key, words in zip(names, items.candidates, strict=True)}
    references = {
        key: [_line(words) for words in group]
        for key, group in zip(names, items.references, strict=True)
    }
    value, each = scorer.compute_score(references, candidates)
    return OfficialScore(float(value), np.array([_single(score) for score in each], dtype=float))


def _scorer(name: OfficialName) -> Any:
    try:
        if name == "METEOR":
            from pycocoevalcap.meteor.meteor import Meteor

            kind = Meteor
        else:
            from pycocoevalcap.spice.spice import Spice

            kind = Spice
    except ImportError as error:
        raise UsageError(
            f"{name} needs pycocoevalcap, which is not installed. Run "
            "`pip install 'seewhy[captions]'`, or do without."
        ) from error
    if shutil.which("java") is None:
        raise UsageError(f"{name} needs Java, and no `java` is on the path. Install it.")
    return kind()


def _single(score: Any) -> float:
    return float(score["All"]["f"] if isinstance(score, dict) else score)


def _line(words: Words) -> str:
    return " ".join(map(str, words))
