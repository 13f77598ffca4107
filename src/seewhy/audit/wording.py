"""An audit's figures in words that need no training to read."""

from collections.abc import Mapping, Sequence

from seewhy.audit.schema import Change, Estimate, EvidenceRow, FieldLoss, Route, RowName, Verdict
from seewhy.results.text import number_text, percent_text, visible_text

UNLIKELY = 0.01

ROW_QUESTIONS: Mapping[RowName, tuple[str, str]] = {
    "counterfactuals": (
        "What if an image took another image's colour, outline, ...?",
        "Images take one value from each other and keep the rest, as far as pixels allow. The "
        "share of the answers that flip says how much that concept counts.",
    ),
    "decision-share": (
        "What explains the decisions on your images?",
        "The share of the decisions that each concept explains on its own, beyond all the others.",
    ),
    "probe-share": (
        "What explains the decisions on unrelated images?",
        "The same share on probe images, in which the concepts vary independently.",
    ),
    "interventions": (
        "What changes the decisions when the image is changed?",
        "The whole picture is altered, such as its hues; the more decisions change with a change "
        "that the encoder sees in one concept alone, the more that concept counts.",
    ),
    "graft-readable": (
        "What can be read from the model's inner maps?",
        "The model's maps take the place of the encoder's; what can still be read is there, "
        "though being there is not being used.",
    ),
    "graft-published": (
        "What does the published reading say?",
        "Which captions gain most through the graft. Shown for comparison with the literature.",
    ),
}

ROUTES: Mapping[Route, str] = {"seen": "seen in your images", "pixels": "by changing pixels"}

GLOSSARY: Mapping[str, str] = {
    "95 % interval": "Where a figure would mostly lie if the audit were repeated with other "
    "images of the same kind. A narrow interval is a sure figure.",
    "Caption": "A short sentence, such as “a photo of a red digit”, that the encoder compares "
    "with an image.",
    "Concept group": "Alternatives of which an image has one, such as the colours or the shapes.",
    "Control": "A check whose answer is known beforehand. A failed control casts doubt on the "
    "audit itself, not on the model.",
    "Counterfactual": "An image as it would be if one thing about it were different, such as the "
    "colour of another image's object, and everything else the same.",
    "Decorrelated images": "Images in which the concepts no longer go together, so that a model "
    "that follows the wrong one makes mistakes.",
    "Encoder": "A second network that knows images and captions. It lends the audit its words; "
    "it is not being judged.",
    "Field": "Where the model will be used. There a concept need not go with the class as it does "
    "in your images.",
    "Graft": "The encoder's inner maps are replaced, stage by stage, by the best matching maps "
    "of the model. What the captions then say is what the model's maps carry.",
    "Intervention": "A change made to the pixels on purpose, such as swapping two colour "
    "channels, to see whether the decision follows.",
    "Lead": "The share of the leading concept minus that of the runner-up, in percentage points.",
    "Matching quality": "How closely the best unit of the model follows a unit of the encoder: "
    "1 is exactly, 0 not at all.",
    "p": "A probability. Beside a verdict: how often the answers of an untrained copy of the model "
    "would vary as much. Beside a concept: how likely so large a share would be if the decision "
    "ignored that concept.",
    "Probe images": "Images made for the audit that have nothing to do with the model's task.",
    "Readable": "The encoder still gives the right value of a concept, such as the right colour.",
    "Point": "One per cent of all images, or of all decisions: from 90 % to 80 % is 10 points.",
    "Relied on": "A concept whose share is at least 10 % and hardly to be had by chance. Several "
    "can be relied on together.",
    "Share": "How much of the decisions a concept accounts for: 0 % nothing, 100 % everything. "
    "Where counterfactuals measured it, the share of the answers that flip with it alone; shares "
    "need not add up to 100 %.",
    "Slice": "All images with one value of a concept, such as all that are red.",
    "Undecided": "The evidence does not carry a verdict. It does not mean that nothing is wrong.",
}


def points_text(value: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * value:.0f}".replace("-", "−")


def chance_text(p_value: float | None) -> str:
    """A p-value to two figures."""
    if p_value is None:
        return "–"
    return "< 0.001" if p_value < 0.001 else number_text(float(f"{p_value:.2g}"))


def listed(words: Sequence[str]) -> str:
    """Words as they are listed in a sentence."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def named_groups(verdict: Verdict) -> list[str]:
    """The group that the verdict names, or the several that it names together."""
    if verdict.undecided:
        return []
    return verdict.relied_on if verdict.dominant is None else [verdict.dominant]


def ruling(verdict: Verdict) -> str | None:
    """What the model decides by, as in "colour" or "colour and shape"; None if undecided."""
    return listed(named_groups(verdict)) or None


def ruling_text(verdict: Verdict) -> str:
    """The verdict in a few words, to be read after the model's name and a colon."""
    groups = named_groups(verdict)
    together = " together" if len(groups) > 1 else ""
    return f"{listed(groups)}{together}" if groups else "undecided"


def group_chances(verdict: Verdict, shares: Mapping[str, Estimate]) -> str:
    """The p-value of each group that has a share, in a sentence; empty without any."""
    known = {
        group: chance_text(verdict.p_values[group])
        for group, share in shares.items()
        if share.value is not None and group in verdict.p_values
    }
    if not known:
        return ""
    chances = ", ".join(f"{visible_text(group)} {chance}" for group, chance in known.items())
    return f"Chance of so large a share if the decision ignored the concept (p): {chances}."


def leader_and_runner_up(verdict: Verdict) -> tuple[str, str] | None:
    """The two groups with the largest combined shares."""
    shares = {name: share.value for name, share in verdict.shares.items()}
    order = sorted(
        (name for name in shares if shares[name] is not None), key=lambda name: -(shares[name] or 0)
    )
    return (order[0], order[1]) if len(order) > 1 else None


def lead_text(verdict: Verdict) -> str:
    """What the effect, its interval and the p-value mean."""
    pair = leader_and_runner_up(verdict)
    if verdict.effect is None or pair is None:
        return "No lead of one concept over another could be measured."
    first, second = map(visible_text, pair)
    points = points_text(verdict.effect)
    sentences = [
        f"“{first}” accounts for {points} percentage points more of the decisions than “{second}”."
    ]
    if verdict.interval is not None:
        low, high = map(points_text, verdict.interval)
        sentences.append(
            f"With other images of the same kind this lead would mostly lie between {low} and "
            f"{high} points{_crossing(verdict.interval)}."
        )
    together = named_groups(verdict)
    if len(together) > 1:
        quoted = listed([f"“{visible_text(group)}”" for group in together])
        sentences.append(f"None leads clearly, and the decisions rely on {quoted} together.")
    if verdict.p_value is not None:
        sentences.append(_chance_sentence(verdict.p_value))
    return " ".join(sentences)


def row_stand(verdict: Verdict, row: EvidenceRow) -> str:
    """Whether a row goes along with the verdict."""
    if row.dominant is None:
        return "names no concept"
    named = named_groups(verdict)
    if not named:
        return "no verdict to compare with"
    if row.dominant in named:
        return "agrees"
    return "names another that counts" if row.dominant in verdict.relied_on else "disagrees"


def agreement_text(verdict: Verdict) -> str:
    """How the voting rows stand to each other, in a sentence or two."""
    voters = [row for row in verdict.evidence if row.votes]
    if not voters:
        return "No row of evidence could take part in the verdict."
    named = [row.dominant for row in voters]
    if not any(named):
        return "No row that votes names a concept."
    counts = {name: named.count(name) for name in dict.fromkeys(named)}
    if len(counts) == 1:
        return f"{_all_of(len(voters))} “{visible_text(named[0] or '')}”."
    parts = [
        f"{count} {'names' if count == 1 else 'name'} "
        + ("no concept" if name is None else f"“{visible_text(name)}”")
        for name, count in counts.items()
    ]
    is_shared = set(counts) <= set(verdict.relied_on)
    start = "name several concepts that all count" if is_shared else "do not agree"
    return f"The rows that vote {start}: {', '.join(parts)}."


def loss_text(group: str, found: FieldLoss) -> str:
    """What a concept that parts from the class would do to the accuracy, in a sentence."""
    start = f"If {visible_text(group)} came with every class alike, accuracy would"
    loss = found.loss
    if loss.value is None or found.route is None:
        return f"{start} change in a way that is not known: {loss.reason}."
    if abs(loss.value) < 0.005:
        return f"{start} stay at {percent_text(found.accuracy.value)} ({ROUTES[found.route]})."
    return (
        f"{start} go from {percent_text(found.accuracy.value)} to "
        f"{percent_text(found.predicted.value)}, a {'loss' if loss.value > 0 else 'gain'} of "
        f"{points_text(abs(loss.value))} points ({ROUTES[found.route]})."
    )


def worst_loss(field: Mapping[str, FieldLoss]) -> str | None:
    """The group whose parting from the class would cost most; None where no loss is known."""
    known = {
        group: found.loss.value for group, found in field.items() if found.loss.value is not None
    }
    return max(known, key=lambda group: known[group]) if known else None


def change_text(change: Change) -> str:
    """A difference in points, and how sure it is."""
    if change.difference is None:
        return "not comparable"
    points = round(100 * change.difference)
    if points == 0 and not change.apart:
        return "no change"
    sure = {True: ", a clear change", False: ", may be chance", None: ""}[change.apart]
    return f"{'+' if points > 0 else ''}{points_text(change.difference)} points{sure}"


def rulings_text(before: str | None, now: str | None) -> str:
    """Two verdicts, then and now."""
    first, second = (visible_text(name or "undecided") for name in (before, now))
    return f"still {second}" if first == second else f"{first} then, {second} now"


def _all_of(voters: int) -> str:
    if voters == 1:
        return "The one row that votes names"
    return "Both rows that vote name" if voters == 2 else f"All {voters} rows that vote name"


def _crossing(interval: tuple[float, float]) -> str:
    low, high = interval
    return ", so it may as well be none" if low <= 0 <= high else ""


def _chance_sentence(p_value: float) -> str:
    copies = "fewer than 1" if p_value < 0.005 else f"about {100 * p_value:.0f}"
    end = (
        "so the model has most likely learned something"
        if p_value <= UNLIKELY
        else "so the model may have learned nothing"
    )
    return f"The answers of {copies} in 100 untrained copies would vary as much, {end}."
