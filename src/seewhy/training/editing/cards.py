"""What a trained editor says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from seewhy.models.editing.config import EditorConfig
from seewhy.training.editing.judging import Judgement, Shuffle

_SHARES = {
    "exact": "right word by word",
    "exact before": "right before editing",
    "kept": "right ones left as they are",
    "repaired": "wrong ones made right",
    "changed": "changed at all",
}
_SHUFFLED: Mapping[Shuffle, str] = {
    "captions": "With the caption of another image",
    "images": "With another image",
}


@dataclass(frozen=True)
class Measured:
    """The editor on captions no choice was made on, so shuffled, and each network by itself."""

    whole: Judgement
    shuffled: Mapping[Shuffle, Judgement]
    members: Mapping[str, Judgement]

    @property
    def document(self) -> dict[str, object]:
        """All figures for a program to read."""
        return {
            "captions": len(self.whole.items),
            "all": self.whole.figures,
            "repaired by kind": self.whole.by_kind,
            "shuffled": {name: each.figures for name, each in self.shuffled.items()},
            "networks": {name: each.figures for name, each in self.members.items()},
        }


def editor_card(config: EditorConfig, measured: Measured, *, told: Mapping[str, object]) -> str:
    """Use, data, recipe, what was measured, limits; `told` are the settings of the training."""
    kinds = ", ".join(each.kind for each in config.networks)
    figures = measured.whole.figures
    lines = [
        "# A caption editor, trained by `seewhy train editor`",
        "",
        "It reads a caption beside its image and writes it anew, with what the image mends.",
        "",
        "## Data and recipe",
        "",
        f"- networks: {kinds}",
        *(f"- {name}: {value}" for name, value in told.items()),
        "",
        f"## Measured on {len(measured.whole.items):,} captions that no choice was made on",
        "",
        "| captions | share |",
        "| --- | --- |",
        *(f"| {text} | {_per_cent(figures[name])} |" for name, text in _shares(figures)),
        "",
        f"CIDEr-D is {figures['CIDEr']:.2f}; before editing it was {figures['CIDEr before']:.2f}.",
        "",
    ]
    lines += _closer(measured)
    lines += [
        "## Limits",
        "",
        "What a caption says and the image does not show is taken on trust. The editor knows words",
        "and images like those that it was trained on, and writes no other word.",
        "",
    ]
    return "\n".join(lines)


def _closer(measured: Measured) -> list[str]:
    """By kind of fault, so shuffled, and by network."""
    lines: list[str] = []
    if measured.whole.by_kind:
        lines += ["| fault | made right |", "| --- | --- |"]
        lines += [
            f"| {kind} | {_per_cent(share)} |" for kind, share in measured.whole.by_kind.items()
        ]
        lines.append("")
    for name, text in _SHUFFLED.items():
        share = measured.shuffled[name].figures["exact"]
        lines += [f"{text}, {_per_cent(share)} are right.", ""]
    if len(measured.members) > 1:
        told_apart = (
            f"{name} {_per_cent(each.figures['exact'])}" for name, each in measured.members.items()
        )
        lines += [f"Each network by itself has right: {', '.join(told_apart)}.", ""]
    return lines


def _shares(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in _SHARES.items() if name in figures]


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"
