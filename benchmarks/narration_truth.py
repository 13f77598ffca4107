"""Does the small narrator answer rightly, are its reasons true, and does it look at all?

Run `python benchmarks/narration_truth.py [--narrator embedded:NAME] [--singles FOLDER]`, some
minutes on two cores. Questions about drawn scenes come from a seed that neither training nor
validation nor the narrator's card used. FOLDER holds narrators trained for one task each, in
folders named after the tasks. The check of support is asked about reasons that were told of an
image and of another one. With SEEWHY_SHARED set the tests score the published output on VQA-X.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from _record import Check, at_least, at_most, record
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, DrawnNarration, drawn_narrations
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.storage import load_narrator
from seewhy.telling.asking import asked_telling
from seewhy.telling.looking import findings
from seewhy.telling.nouns import statements
from seewhy.telling.settings import TellingSettings
from seewhy.telling.support import joined, verdict_of
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.judging import Judge, Judged, Judgement, Question, drawn_questions

SEED, SPLIT = 3, "held-out"
QUESTIONS, SUPPORTED, LOOKED = 2100, 350, 8
RIGHT, TRUE, LOST, SLACK = 0.95, 0.90, 0.02, 0.05
ROOT = Path(__file__).parents[1]
TESTS = (
    *("tests/models/narration", "tests/data/narration", "tests/training/narration"),
    *("tests/evaluation/narration", "tests/evaluation/captions"),
)
FIGURES = ("accuracy", "true reasons", "right and true")


def questions_of(
    narrator: Narrator, count: int, tasks: Sequence[str] = DRAWN_TASKS
) -> tuple[Question, ...]:
    return drawn_questions(
        count,
        narrator.config.layout,
        tasks=tasks,
        prompts=Prompts(dict(narrator.config.prompts)),
        seed=SEED,
        split=SPLIT,
    )


def judged(narrator: Narrator, questions: Sequence[Question], *, shift: int = 0) -> Judgement:
    return Judge(ExampleMaker(narrator.rows)).judged(narrator, questions, shift=shift)


def chance(narrator: Narrator, count: int) -> float:
    """Share of right answers of somebody who knows of each kind of question its usual answer."""
    prompts = Prompts(dict(narrator.config.prompts))
    usual: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in drawn_narrations(4 * count, seed=SEED, split="train"):
        usual[_kind(each)].update(_accepted(each, prompts))
    asked = drawn_narrations(count, seed=SEED, split=SPLIT)
    return float(
        np.mean(
            [usual[_kind(each)].most_common(1)[0][0] in _accepted(each, prompts) for each in asked]
        )
    )


def _kind(narration: DrawnNarration) -> tuple[str, str]:
    """Task and kind of the question; a question about yes or no by itself."""
    answers = {vote.text for vote in narration.record.votes}
    return narration.record.task, f"{narration.kind} {bool(answers & {'yes', 'no'})}"


def _accepted(narration: DrawnNarration, prompts: Prompts) -> set[str]:
    return {vote.text for vote in unified(narration.record, prompts).votes}


def single_figures(folder: Path | None, count: int) -> dict[str, dict[str, float]]:
    """Narrators of one task each, on the questions of their tasks that the one of all is asked."""
    found: dict[str, dict[str, float]] = {}
    for task in DRAWN_TASKS if folder is not None else ():
        narrator = load_narrator(folder / task)
        alone = judged(narrator, questions_of(narrator, count // len(DRAWN_TASKS), (task,)))
        parameters = sum(each.numel() for each in narrator.parameters())
        found[task] = {**alone.figures, "parameters": parameters}
    return found


def single_checks(singles: Mapping[str, Mapping[str, float]], whole: Judgement) -> list[Check]:
    """The narrator of all tasks beside narrators of one."""
    name = "answers of one narrator less those of seven, mean over tasks"
    if not singles:
        return [Check(f"{name} (no --singles given)", None, f">= {-LOST}", holds=False)]
    lost = [
        whole.of_task(task).figures["accuracy"] - figures["accuracy"]
        for task, figures in singles.items()
    ]
    return [at_least(name, float(np.mean(lost)), -LOST)]


def support_counts(narrator: Narrator, items: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """How often reasons that are true, or false, of their scene count as supported by its image."""
    looker = asked_telling(narrator, TellingSettings()).looker
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for start in range(0, len(items) if looker else 0, LOOKED):
        some = items[start : start + LOOKED]
        spoken = [statements(each.reason, answer=each.answer) for each in some]
        phrases = [[phrase for each in own for phrase in each.phrases] for own in spoken]
        seen = looker.look([each.question.record.read() for each in some], phrases)
        for each, own, maps in zip(some, phrases, seen, strict=True):
            verdicts = [
                verdict_of(
                    findings(phrase, maps, looker.contrasts(phrase.text)),
                    is_negated=phrase.is_negated,
                )[0]
                if maps is not None and phrase.text in maps.texts
                else "undecided"
                for phrase in own
            ]
            found[f"{each.verdict} reasons"][joined(verdicts)] += 1
    return {name: dict(counts) for name, counts in found.items()}


def failing_tests() -> int:
    """Exit code of the tests: stored layouts, scores, logits and sentences among them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


def interval(found: Sequence[bool]) -> tuple[float, float]:
    """Of the share, by Wilson."""
    within = binomtest(sum(found), len(found)).proportion_ci(method="wilson")
    return float(within.low), float(within.high)


def show(title: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    table = Table("task", *FIGURES, title=title)
    for name, figures in rows.items():
        table.add_row(name, *(f"{100 * figures[figure]:.1f}" for figure in FIGURES))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--narrator", default="embedded:narrator-tiny")
    parser.add_argument("--singles", type=Path, help="a folder of narrators of one task each")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument(
        "--supported", type=int, default=SUPPORTED, help="reasons whose support is checked, twice"
    )
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    options = parser.parse_args()
    narrator = load_narrator(options.narrator)
    questions = questions_of(narrator, options.questions)
    whole = judged(narrator, questions)
    exchanged = judged(narrator, questions, shift=len(DRAWN_TASKS))
    elsewhere = exchanged.figures["accuracy"]
    guessed = chance(narrator, options.questions)
    rows = {"all": whole.figures, **whole.by_task}
    show(f"{options.narrator}, {len(questions)} questions", rows)
    singles = single_figures(options.singles, options.questions)
    if singles:
        show("narrators of one task each", singles)
    looked = [*whole.items[: options.supported], *exchanged.items[: options.supported]]
    supports = support_counts(narrator, looked)
    Console().print("support of reasons, own and exchanged images:", supports)
    checks = [
        at_least("answers right, held-out scenes", whole.figures["accuracy"], RIGHT),
        at_least("reasons true, held-out scenes", whole.figures["true reasons"], TRUE),
        at_most(
            "answers right with exchanged images, less the usual answer's share",
            elsewhere - guessed,
            SLACK,
        ),
        *single_checks(singles, whole),
    ]
    right = [bool(each.is_right) for each in whole.items]
    true = [each.verdict == "true" for each in whole.items]
    details = {
        "narrator": options.narrator,
        "parameters": sum(each.numel() for each in narrator.parameters()),
        "figures": rows,
        "95 % intervals": {"accuracy": interval(right), "true reasons": interval(true)},
        "exchanged images": elsewhere,
        "narrators of one task": singles,
        "support of reasons": supports,
        "usual answers": guessed,
        "published output at hand": bool(os.environ.get("SEEWHY_SHARED")),
    }
    if options.dry:
        print(*checks, details, sep="\n")
        return
    checks.append(at_most("exit code of the tests of narration", failing_tests(), 0))
    record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
