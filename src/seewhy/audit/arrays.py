"""The arrays behind an audit's figures, as one explanation."""

from collections.abc import Sequence
from dataclasses import replace

from seewhy.audit.judging import Judged
from seewhy.audit.parts import readable_curve, share_scores, similarity_curves
from seewhy.audit.schema import AuditDocument
from seewhy.results.explanation import Explanation
from seewhy.results.parts import Part, Statement, UnitMatches


def explained(document: AuditDocument, judged: Sequence[Judged]) -> Explanation:
    """Shares, similarities along the grafted stages and matches of every model."""
    effects = [each.verdict.effect for each in judged]
    return Explanation(
        target=document.title,
        score=effects[0] if len(effects) == 1 else None,
        parts=tuple(part for each in judged for part in _parts(document, each)),
        provenance={"encoder": document.encoder, **document.versions, **document.hashes},
    )


def _parts(document: AuditDocument, judged: Judged) -> list[Part]:
    verdict, details, matched = judged.verdict, judged.details, judged.graft.matched
    shares = share_scores(verdict)
    curves = (*similarity_curves(details, document.groups), readable_curve(details))
    return [
        replace(shares, title=f"{verdict.model}: {shares.title}"),
        *(replace(curve, title=f"{verdict.model}: {curve.title}") for curve in curves),
        Statement(verdict.model, f"{verdict.sentence} {verdict.reason}"),
        *(
            UnitMatches(
                title=f"{verdict.model}: matches of {stage.site.name}",
                site=stage.site.name,
                layers=tuple(site.name for site in matched.sources.sites),
                layer_of=matched.sources.site[stage.best].numpy(),
                channels=matched.sources.channel[stage.best].numpy(),
                scores=stage.score.double().numpy(),
            )
            for stage in matched.stages
        ),
    ]
