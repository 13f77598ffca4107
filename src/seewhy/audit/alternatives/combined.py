"""The audit's verdict as a reading, and other ways to put its rows together."""

import math
from typing import Literal

from seewhy.audit.alternatives.subject import Answer, Subject
from seewhy.audit.details import guessing
from seewhy.audit.evidence import Resamples, Shares
from seewhy.audit.rows import captions_control, voting_rows
from seewhy.audit.settings import AuditSettings
from seewhy.audit.verdict import Case, Combination, judge

_RESAMPLES = 300
_DEFAULTS = AuditSettings()

Rows = Literal["all", "counterfactuals", "before"]


def verdict(
    subject: Subject, *, rows: Rows = "all", combination: Combination = "counterfactuals first"
) -> Answer:
    """What the audit says, with 300 resamples and without its graft, which has no vote.

    `rows` "counterfactuals" leaves all other rows out, "before" leaves that one out. Strengths
    are shares of the decision, 0 to 1.
    """
    concepts, name = subject.concepts, subject.model.name
    said = judge(
        Case(
            model=name,
            groups=concepts.names,
            rows=_rows(subject, rows),
            silent=[],
            p_value=subject.untrained_p_value,
            controls=[captions_control(subject.yours, subject.concepts)],
            guessing=guessing(subject.yours, name, subject.model.classes, concepts),
        ),
        level=_DEFAULTS.level,
        combination=combination,
    )
    shares = {
        group: math.nan if share.value is None else share.value
        for group, share in said.shares.items()
    }
    return Answer(
        shares,
        p_values=said.p_values,
        dominant=said.dominant,
        together=() if said.dominant else tuple(said.relied_on),
    )


def _rows(subject: Subject, wanted: Rows) -> list[Shares]:
    yours, probe = subject.yours, subject.probe
    counterfactuals, *others = voting_rows(
        yours,
        probe,
        subject.model.name,
        concepts=subject.concepts,
        resamples=Resamples.draw(len(yours), len(probe), resamples=_RESAMPLES, seed=subject.seed),
        seed=subject.seed,
    )
    match wanted:
        case "all":
            return [counterfactuals, *others]
        case "counterfactuals":
            return [counterfactuals]
        case "before":
            return others
