"""What approximate products change: matches, scores, and in the end the verdicts."""

import tempfile
from itertools import product
from pathlib import Path

import torch

from seewhy.audit.demo import CONCEPTS, EXPERIMENT, demo_classifier
from seewhy.audit.result import AuditResult
from seewhy.audit.run import audit
from seewhy.audit.settings import AuditSettings
from seewhy.methods.grafting.method import Matching

KINDS = ("biased", "unbiased")
PROTOCOLS = ("default", "paper")


def verdict_changes(approximate: str) -> dict[str, float]:
    """The demo's classifiers audited exactly and not, as published and by default."""
    with tempfile.TemporaryDirectory() as folder:
        models = [demo_classifier(kind, seed=0, folder=Path(folder)) for kind in KINDS]
        records = EXPERIMENT.records("held-out", "random")
        audits = {
            (protocol, how): audit(
                models,
                records,
                CONCEPTS,
                settings=AuditSettings(
                    protocol=protocol, approximate=how, controls=3, bootstrap=200, probe_images=50
                ),
            )
            for protocol, how in product(PROTOCOLS, (None, approximate))
        }
    pairs = [(audits[each, None], audits[each, approximate]) for each in PROTOCOLS]
    changed = [
        one.dominant != two.dominant
        for exact, other in pairs
        for one, two in zip(exact.verdicts, other.verdicts, strict=True)
    ]
    return {
        "verdicts compared": len(changed),
        "verdicts changed": sum(changed),
        "published counts, largest change of a share": max(shares_apart(*pair) for pair in pairs),
    }


def shares_apart(exact: AuditResult, other: AuditResult) -> float:
    """The largest difference between the published counts of two audits."""
    return max(
        abs(one.published.correct[group] - two.published.correct[group])
        + abs(one.published.wrong[group] - two.published.wrong[group])
        for one, two in zip(exact.document.details, other.document.details, strict=True)
        for group in one.published.correct
    )


def agreement(one: Matching, two: Matching) -> tuple[float, float]:
    """Share of units matched alike, and the mean difference of the best scores."""
    best = [torch.cat([stage.best for stage in each.stages]) for each in (one, two)]
    score = [torch.cat([stage.score for stage in each.stages]) for each in (one, two)]
    same = (best[0] == best[1]).float().mean()
    return float(same), float((score[0] - score[1]).abs().mean())
