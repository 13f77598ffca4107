"""The tables of docs/validity.md, from the document of the benchmark with planted truth."""

from collections.abc import Iterable, Sequence

from seewhy.audit.planted_bench import BenchDocument, ReadingScores
from seewhy.audit.scoring import Score

SCORE_HEADER = (
    "models", "decided", "right", "AUROC", "rank correlation", "false alarms", "found",
)  # fmt: skip


def validity_tables(document: BenchDocument) -> str:
    """All tables as Markdown, each under its heading."""
    default = document.of("default")
    parts = {
        "The default reading": _scores(
            {
                "all cases": default.everything,
                "what choices were made by": default.chosen_by,
                "held out from every choice": default.held_out,
            },
            "cases",
        ),
        "By what was planted": _scores(document.by_role, "planted"),
        "By attribute": _scores(document.by_attribute, "attribute"),
        "By architecture": _scores(document.by_architecture, "architecture"),
        "All readings": _readings(document.readings),
        "Calibration": _calibration(document.readings),
        "Controls": _table(
            ("control", "models", "decided", "right, of those"),
            [
                (c.kind, str(c.models), _share(c.decided), _share(c.right))
                for c in document.controls
            ],
        ),
        "Predicted loss in the field": _table(
            ("cases", "attributes", "predicted", "mean error", "bias", "covered", "rank corr."),
            [
                (
                    name,
                    str(f.attributes),
                    _share(f.predicted),
                    _figure(f.error),
                    _figure(f.biased),
                    _share(f.covered),
                    _figure(f.rank_correlation),
                )
                for name, f in document.field.items()
            ],
        ),
        "Cross-validated choice": _table(
            ("left out", "chosen without it", "decided there", "right there"),
            [(f.left_out, f.chosen, _share(f.decided), _share(f.right)) for f in document.folds],
        ),
    }
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in parts.items())


def _scores(scores: dict[str, Score], what: str) -> str:
    return _table((what, *SCORE_HEADER), [(name, *_cells(score)) for name, score in scores.items()])


def _readings(readings: Sequence[ReadingScores]) -> str:
    return _table(
        ("reading", *SCORE_HEADER, "seconds"),
        [
            (f"`{each.reading}`", *_cells(each.everything), f"{each.everything.seconds:.2f}")
            for each in readings
        ],
    )


def _calibration(readings: Sequence[ReadingScores]) -> str:
    levels = ("0.01", "0.05", "0.1", "0.2")
    return _table(
        ("reading", *(f"p ≤ {level}" for level in levels)),
        [
            (f"`{each.reading}`", *(_share(each.everything.p_below[level]) for level in levels))
            for each in readings
            if each.everything.p_below
        ],
    )


def _cells(score: Score) -> tuple[str, ...]:
    return (
        str(score.models),
        _share(score.decided),
        _share(score.right),
        _figure(score.auroc),
        _figure(score.rank_correlation),
        _share(score.false_alarms),
        _share(score.found),
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(header)]
    lines.append(["---"] * len(lines[0]))
    lines += [list(row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
