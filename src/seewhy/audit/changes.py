"""What changed since an earlier audit."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seewhy.audit.schema import (
    SCHEMA_VERSION,
    YOUR_IMAGES,
    AuditDocument,
    Baseline,
    Change,
    Estimate,
    ModelChange,
    ModelDetails,
    Verdict,
)
from seewhy.audit.wording import ruling
from seewhy.base.errors import UsageError

_UNKNOWN = Estimate(value=None, reason="not in this audit")


def read_audit(path: str | Path) -> AuditDocument:
    """The document of an earlier audit, from its audit.json or the folder that holds one.

    Raises `UsageError` when it is missing, damaged or of another version.
    """
    place = Path(path)
    place = place / "audit.json" if place.is_dir() else place
    try:
        data = place.read_bytes()
    except OSError as error:
        raise UsageError(
            f"no earlier audit at {place} ({error.strerror}); name its audit.json, or its folder."
        ) from error
    _check_version(place, data)
    try:
        return AuditDocument.model_validate_json(data)
    except ValidationError as error:
        where = error.errors()[0]
        at = ".".join(map(str, where["loc"]))
        raise UsageError(
            f"{place} is no whole audit ({where['msg']} at {at!r}). Repeat the earlier audit with "
            "this version of seewhy."
        ) from error


def _check_version(place: Path, data: bytes) -> None:
    try:
        version = json.loads(data)["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{place} is damaged or no audit.json; name the file that an earlier audit wrote."
        ) from error
    if str(version).partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise UsageError(
            f"{place} has schema {version!r}, and this version of seewhy reads {SCHEMA_VERSION}. "
            "Repeat the earlier audit with this version."
        )


def with_baseline(document: AuditDocument, earlier: AuditDocument) -> AuditDocument:
    """The audit with what changed since an earlier one.

    Models are matched by their names, or anyway where each audit has but one.
    """
    pairs = list(_pairs(document, earlier))
    return document.model_copy(
        update={
            "baseline": Baseline(
                created=earlier.created,
                title=earlier.title,
                warnings=[
                    *_differences(document, earlier),
                    *_unmatched(document, earlier, pairs),
                ],
                models=[
                    _model_change(now, before, _details(document, now), _details(earlier, before))
                    for now, before in pairs
                ],
            )
        }
    )


def change(before: Estimate | None, now: Estimate | None) -> Change:
    """A figure then and now; whether the intervals are apart needs both of them.

    Intervals that overlap do not show that nothing changed.
    """
    first, second = before or _UNKNOWN, now or _UNKNOWN
    difference = None
    if first.value is not None and second.value is not None:
        difference = second.value - first.value
    return Change(before=first, now=second, difference=difference, apart=_apart(first, second))


def _apart(first: Estimate, second: Estimate) -> bool | None:
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return None
    return first.high < second.low or second.high < first.low


def _pairs(now: AuditDocument, earlier: AuditDocument) -> Iterator[tuple[Verdict, Verdict]]:
    if len(now.verdicts) == len(earlier.verdicts) == 1:
        yield now.verdicts[0], earlier.verdicts[0]
        return
    known = {verdict.model: verdict for verdict in earlier.verdicts}
    for verdict in now.verdicts:
        if verdict.model in known:
            yield verdict, known[verdict.model]


def _details(document: AuditDocument, verdict: Verdict) -> ModelDetails | None:
    return next((each for each in document.details if each.model == verdict.model), None)


def _model_change(
    now: Verdict,
    before: Verdict,
    details: ModelDetails | None,
    details_before: ModelDetails | None,
) -> ModelChange:
    return ModelChange(
        model=now.model,
        earlier=before.model,
        dominant=ruling(now),
        dominant_before=ruling(before),
        accuracy=change(_accuracy(details_before), _accuracy(details)),
        shares=_changes(before.shares, now.shares),
        losses=_changes(_losses(details_before), _losses(details)),
    )


def _changes(before: Mapping[str, Estimate], now: Mapping[str, Estimate]) -> dict[str, Change]:
    """Per group of either audit, those of this one first."""
    return {
        group: change(before.get(group), now.get(group)) for group in dict.fromkeys([*now, *before])
    }


def _accuracy(details: ModelDetails | None) -> Estimate | None:
    return details.accuracy.get(YOUR_IMAGES) if details else None


def _losses(details: ModelDetails | None) -> dict[str, Estimate]:
    return {group: found.loss for group, found in details.field.items()} if details else {}


def _differences(now: AuditDocument, earlier: AuditDocument) -> Iterator[str]:
    """What, beside the models, may have moved the figures."""
    if now.hashes.get("images") != earlier.hashes.get("images"):
        yield ("The images are not the same: a difference may come from the images, not the model.")
    if now.encoder != earlier.encoder or _encoder_hash(now) != _encoder_hash(earlier):
        yield f"The encoder is not the same: {earlier.encoder} then, {now.encoder} now."
    if now.groups != earlier.groups:
        yield (
            f"The concept groups are not the same: {', '.join(earlier.groups)} then, "
            f"{', '.join(now.groups)} now, or other captions."
        )
    settings = _named_differences(earlier.settings, now.settings)
    if settings:
        yield f"Settings differ: {'; '.join(settings)}."
    versions = [earlier.versions.get("seewhy"), now.versions.get("seewhy")]
    if versions[0] != versions[1]:
        yield f"Other versions of seewhy: {versions[0]} then, {versions[1]} now."


def _named_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} {before.get(name)!r} then, {now.get(name)!r} now"
        for name in dict.fromkeys([*now, *before])
        if before.get(name) != now.get(name)
    ]


def _encoder_hash(document: AuditDocument) -> str | None:
    return document.hashes.get(f"encoder {document.encoder}")


def _unmatched(
    now: AuditDocument, earlier: AuditDocument, pairs: list[tuple[Verdict, Verdict]]
) -> Iterator[str]:
    new = [v.model for v in now.verdicts if v.model not in [pair[0].model for pair in pairs]]
    gone = [v.model for v in earlier.verdicts if v.model not in [pair[1].model for pair in pairs]]
    if new:
        yield f"Not in the earlier audit: {', '.join(new)}."
    if gone:
        yield f"Only in the earlier audit: {', '.join(gone)}."
    yield from (
        f"{pair[0].model} is compared with {pair[1].model}: each audit has one model."
        for pair in pairs
        if pair[0].model != pair[1].model
    )
