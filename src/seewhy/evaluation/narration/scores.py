"""Scores of reasons, of all and of those whose answer is right, and of the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.items import Id, caption_items
from seewhy.evaluation.captions.scores import RESAMPLES, CaptionScores, score_captions
from seewhy.evaluation.narration.answers import (
    AnswerRule,
    Truth,
    right_answers,
    rules_for,
    similar_answers,
    vqa_accuracy,
)
from seewhy.evaluation.narration.parsing import Parsing, parse_narration
from seewhy.evaluation.weighted import Interval, RowMeans, intervals

VQA_ACCURACY = "vqa"


@dataclass(frozen=True, eq=False)
class NarrationScores:
    """`filtered` are reasons whose answer is right by each rule, scored among themselves.

    So their CIDEr knows only their own references, as published. `right` holds per item 1 or 0
    by each rule, and under "vqa" the standard accuracy; `distinct` counts different reasons.
    """

    unfiltered: CaptionScores
    filtered: Mapping[AnswerRule, CaptionScores]
    right: Mapping[str, Float[np.ndarray, " _"]]
    distinct: int

    @property
    def accuracies(self) -> dict[str, float]:
        """The share of right answers by each rule."""
        return {name: float(values.mean()) for name, values in self.right.items()}

    def accuracy_intervals(
        self, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> dict[str, Interval]:
        """The accuracies with their intervals over items."""
        items = len(self.unfiltered.items)
        means = RowMeans(np.arange(items), dict(self.right))
        return intervals(means, items, resamples=resamples, seed=seed)


def score_narrations(
    texts: Mapping[Id, str],
    truths: Mapping[Id, Truth],
    *,
    parsing: Parsing = "first",
    answer_f1: Mapping[Id, float] | None = None,
) -> NarrationScores:
    """Parse sentences and score answers by every rule that the truths allow, and the reasons.

    `answer_f1` are BERTScores of the answers for the rule "bertscore".
    Raises `UsageError` when a sentence has no truth or no BERTScore, or there is none at all.
    """
    _check(texts, truths, "truth")
    if answer_f1 is not None:
        _check(texts, answer_f1, "BERTScore")
    told = {name: parse_narration(text, parsing) for name, text in texts.items()}
    reasons = {name: each.reason for name, each in told.items()}
    answers = {name: each.answer for name, each in told.items()}
    items = caption_items(reasons, {name: truths[name].reasons for name in texts})
    kept = _kept(answers, truths, answer_f1)
    right: dict[str, Float[np.ndarray, " _"]] = {
        rule: np.array([float(name in ids) for name in texts]) for rule, ids in kept.items()
    }
    if "any" in kept:
        right[VQA_ACCURACY] = vqa_accuracy(answers, truths)
    unfiltered = score_captions(items)
    return NarrationScores(
        unfiltered,
        {rule: unfiltered.only(ids) for rule, ids in kept.items()},
        right,
        len(set(items.candidates)),
    )


def _kept(
    answers: Mapping[Id, str],
    truths: Mapping[Id, Truth],
    answer_f1: Mapping[Id, float] | None,
) -> dict[AnswerRule, set[Id]]:
    rules: Sequence[AnswerRule] = rules_for([truths[name] for name in answers])
    kept = {rule: set(right_answers(answers, truths, by=rule)) for rule in rules}
    if answer_f1 is not None:
        kept["bertscore"] = set(similar_answers({name: answer_f1[name] for name in answers}))
    return kept


def _check(texts: Mapping[Id, str], others: Mapping[Id, object], what: str) -> None:
    missing = [name for name in texts if name not in others]
    if missing:
        raise UsageError(
            f"{len(missing)} of {len(texts)} sentences have no {what}, such as {missing[0]}. Give "
            "one for each sentence, or leave the sentence out."
        )
