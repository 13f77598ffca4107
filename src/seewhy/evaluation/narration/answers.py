"""When an answer counts as right."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.data.narration.cleaning import majority_answer, normalise_answer
from seewhy.evaluation.captions.items import Id
from seewhy.evaluation.narration.parsing import parse_narration

AnswerRule = Literal["majority", "any", "reference", "bertscore"]

BERTSCORE_LEAST = 0.92
_AGREEING = 3


@dataclass(frozen=True)
class Truth:
    """What is known of one item: answers of annotators, as given, and reasons.

    `told` are whole reference sentences, "answer because reason", where that is how they came.
    """

    answers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def right_answers(
    answers: Mapping[Id, str], truths: Mapping[Id, Truth], *, by: AnswerRule
) -> list[Id]:
    """The ids whose answer is right, in the order of the answers.

    "majority": equals the most frequent normalised answer of the annotators, the filter of
    VQA-X. "any": equals one of their normalised answers, by which VQA-X's published accuracy
    counts. "reference": equals what stands before "because" in a reference sentence. The answer
    itself is not normalised, as published. "bertscore" needs `similar_answers`.
    Raises `UsageError` when an item has nothing to go by.
    """
    if by == "bertscore":
        raise UsageError(
            "the rule 'bertscore' goes by F1 values, which are not texts. Call similar_answers."
        )
    return [name for name, answer in answers.items() if answer in _accepted(name, truths[name], by)]


def similar_answers(scores: Mapping[Id, float], *, least: float = BERTSCORE_LEAST) -> list[Id]:
    """The ids whose BERTScore F1 is the threshold or more, compared as 32-bit floats."""
    return [name for name, score in scores.items() if np.float32(score) >= np.float32(least)]


def reference_answers(truth: Truth) -> tuple[str, ...]:
    """What annotators answered, as given, or else what stands before "because" in sentences."""
    told = tuple(parse_narration(each, "e-snli-ve").answer for each in truth.told)
    return truth.answers or told


def vqa_accuracy(
    answers: Mapping[Id, str], truths: Mapping[Id, Truth]
) -> Float[np.ndarray, " items"]:
    """A third per annotator who gave the same normalised answer, at most 1.

    The simple form, without the mean over subsets of nine annotators.
    """
    given = (
        [normalise_answer(each) for each in truths[name].answers].count(answer)
        for name, answer in answers.items()
    )
    return np.array([min(1.0, count / _AGREEING) for count in given], dtype=np.float64)


def rules_for(truths: Sequence[Truth]) -> tuple[AnswerRule, ...]:
    """The rules by texts that all of these items can be judged by."""
    rules: list[AnswerRule] = []
    if truths and all(truth.answers for truth in truths):
        rules += ["majority", "any"]
    if truths and all(truth.told for truth in truths):
        rules += ["reference"]
    return tuple(rules)


def _accepted(name: Hashable, truth: Truth, by: AnswerRule) -> set[str]:
    known = truth.told if by == "reference" else truth.answers
    if not known:
        wanted = "reference sentences" if by == "reference" else "answers of annotators"
        raise UsageError(
            f"item {name} has no {wanted}, which the rule {by!r} goes by. Give them, or choose "
            "another rule."
        )
    if by == "reference":
        return {parse_narration(each, "e-snli-ve").answer for each in known}
    if by == "majority":
        return {majority_answer(known)}
    return {normalise_answer(each) for each in known}
