"""What a trained narrator says about itself."""

from collections.abc import Mapping

from seewhy.models.narration.narrator import Narrator
from seewhy.training.narration.judging import NOT_LOOKING, Judgement
from seewhy.training.narration.presets import NarratorPreset

_SHARES = {
    "accuracy": "answers right",
    "true reasons": "reasons true",
    "right and true": "both",
    "told": "reasons as a reference has them",
}


def narrator_card(
    narrator: Narrator,
    preset: NarratorPreset,
    *,
    told: Mapping[str, object],
    judgement: Judgement,
    not_looking: float | None,
) -> str:
    """Use, data, recipe, what was measured, limits; `told` are the settings of the training."""
    parameters = sum(each.numel() for each in narrator.parameters() if each.requires_grad)
    rows = [("all", judgement.figures), *judgement.by_task.items()]
    names = [name for name in _SHARES if any(name in figures for _, figures in rows)]
    lines = [
        "# A narrator, trained by `seewhy train narrator`",
        "",
        "It answers a question about an image and gives the reason in the same sentence.",
        "",
        "## Data and recipe",
        "",
        f"- preset: {preset.name}; trained parameters: {parameters:,}",
        *(f"- {name}: {value}" for name, value in told.items()),
        "",
        f"## Measured on {len(judgement.items):,} questions that no choice was made on",
        "",
        f"| task | {' | '.join(_SHARES[name] for name in names)} | CIDEr |",
        f"| --- {'| --- ' * (len(names) + 1)}|",
        *(_row(task, figures, names) for task, figures in rows),
        "",
    ]
    if not_looking is not None:
        lines += [f"Asked of another image, {100 * not_looking:.1f} % of answers are right.", ""]
    lines += [
        "## Limits",
        "",
        "A reason is what the narrator says of its answer, learnt from examples; that the answer",
        "came about that way does not follow. "
        + (
            "It knows drawn scenes alone."
            if preset.name == "tiny"
            else "It knows images and questions like those it was trained on."
        ),
        "",
    ]
    return "\n".join(lines)


def measured(judgement: Judgement, not_looking: float | None) -> dict[str, object]:
    """The same figures for a program to read."""
    found: dict[str, object] = {
        "questions": len(judgement.items),
        "unread": judgement.unread,
        "all": judgement.figures,
        "tasks": judgement.by_task,
    }
    return found if not_looking is None else {**found, NOT_LOOKING: not_looking}


def _row(task: str, figures: Mapping[str, float], names: list[str]) -> str:
    cells = [f"{100 * figures[name]:.1f} %" if name in figures else "" for name in names]
    cider = f"{100 * figures['CIDEr']:.1f}" if "CIDEr" in figures else ""
    return f"| {' | '.join([task, *cells, cider])} |"
