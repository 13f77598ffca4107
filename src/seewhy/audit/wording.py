"""An audit's figures in words that need no training to read."""

from collections.abc import Mapping

from seewhy.audit.schema import EvidenceRow, RowName, Verdict
from seewhy.results.text import number_text, visible_text

UNLIKELY = 0.05

ROW_QUESTIONS: Mapping[RowName, tuple[str, str]] = {
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
        "One concept is altered in the pixels; the more decisions change, the more it counts.",
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

GLOSSARY: Mapping[str, str] = {
    "95 % interval": "Where a figure would mostly lie if the audit were repeated with other "
    "images of the same kind. A narrow interval is a sure figure.",
    "Caption": "A short sentence, such as “a photo of a red digit”, that the encoder compares "
    "with an image.",
    "Concept group": "Alternatives of which an image has one, such as the colours or the shapes.",
    "Control": "A check whose answer is known beforehand. A failed control casts doubt on the "
    "audit itself, not on the model.",
    "Decorrelated images": "Images in which the concepts no longer go together, so that a model "
    "that follows the wrong one makes mistakes.",
    "Encoder": "A second network that knows images and captions. It lends the audit its words; "
    "it is not being judged.",
    "Graft": "The encoder's inner maps are replaced, stage by stage, by the best matching maps "
    "of the model. What the captions then say is what the model's maps carry.",
    "Intervention": "A change made to the pixels on purpose, such as swapping two colour "
    "channels, to see whether the decision follows.",
    "Lead": "The share of the leading concept minus that of the runner-up, in percentage points.",
    "Matching quality": "How closely the best unit of the model follows a unit of the encoder: "
    "1 is exactly, 0 not at all.",
    "p": "How often an untrained copy of the model would show so large a reliance by chance.",
    "Probe images": "Images made for the audit that have nothing to do with the model's task.",
    "Readable": "The encoder still gives the right value of a concept, such as the right colour.",
    "Share": "How much of the decisions a concept accounts for: 0 % nothing, 100 % everything.",
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
    if verdict.p_value is not None:
        sentences.append(_chance_sentence(verdict.p_value))
    return " ".join(sentences)


def row_stand(verdict: Verdict, row: EvidenceRow) -> str:
    """Whether a row goes along with the verdict."""
    if row.dominant is None:
        return "names no concept"
    if verdict.undecided or verdict.dominant is None:
        return "no verdict to compare with"
    return "agrees" if row.dominant == verdict.dominant else "disagrees"


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
    return f"The rows that vote do not agree: {', '.join(parts)}."


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
        "so chance is an unlikely explanation"
        if p_value < UNLIKELY
        else "so chance cannot be ruled out"
    )
    return f"Of 100 untrained copies of the model, {copies} would show as much, {end}."
