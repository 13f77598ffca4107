"""Is the verdict right? Every reading on classifiers whose reason is planted.

Run `python benchmarks/planted_truth.py [--quick] [--folder FOLDER]`; about 75 minutes on two
cores, five to ten with --quick. Models and answers stay in the folder, so that a second run
goes on. `--built-in SECONDS` tells how long a folder took that was filled before. `--table`
prints the tables of docs/validity.md from the last results and runs nothing.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from _record import RESULTS, Check, at_least, at_most, record
from _validity import validity_tables

from seewhy.audit.planted import quick_set, standard_set
from seewhy.audit.planted_bench import BenchDocument, run_planted_bench
from seewhy.cli.bench import show_bench

CHANCE = 0.05


def truth_checks(document: BenchDocument) -> list[Check]:
    """The default reading against its targets, on all cases and on what was held out."""
    default = document.of("default")
    everything, chosen, held = default.everything, default.chosen_by, default.held_out
    checks = [
        at_least("right dominant attribute, of the decided", everything.right or 0, 0.95),
        at_least("decided", everything.decided, 0.8),
        at_most("false alarms at level 0.05", _known(everything.false_alarms), 0.05),
        at_most("false alarms, unused attributes", _known(everything.false_alarms_unused), 0.05),
        at_most("false alarms, absent attributes", _known(everything.false_alarms_absent), 0.05),
        at_least("rank correlation with the truth", everything.rank_correlation or 0, 0.8),
        at_least("AUROC of relied on", everything.auroc or 0, 0.95),
    ]
    if held.models:
        checks += [
            at_least("held out: right", held.right or 0, 0.9),
            at_least("held out: decided", held.decided, 0.75),
            at_most("held out: false alarms", _known(held.false_alarms), 0.1),
            at_least("held out: rank correlation", held.rank_correlation or 0, 0.75),
        ]
    if held.models and chosen.models:
        checks += [
            at_least(
                "held out less chosen by: right", (held.right or 0) - (chosen.right or 0), -0.05
            ),
            at_least("held out less chosen by: decided", held.decided - chosen.decided, -0.05),
        ]
    return checks


def control_checks(document: BenchDocument) -> list[Check]:
    """Where there is nothing to find, next to nothing may be found."""
    untrained, shuffled, unnamed = document.controls
    return [
        at_most("untrained models decided", untrained.decided, CHANCE),
        at_most("shuffled captions decided", shuffled.decided, CHANCE),
        at_most("reason not named, decided", unnamed.decided, CHANCE),
    ]


def field_checks(document: BenchDocument) -> list[Check]:
    """What is predicted of the field against what flipping the attribute does."""
    field = document.field["everything"]
    return [
        at_most("predicted loss in the field, mean error", _known(field.error), 0.1),
        at_least("predicted loss in the field, intervals that cover it", field.covered or 0, 0.9),
    ]


def _known(value: float | None) -> float:
    return 1.0 if value is None else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("planted"))
    parser.add_argument("--encoder", default="embedded:clip-resnet")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--built-in", type=float, default=None)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    name = "planted_truth_quick.py" if options.quick else "planted_truth.py"
    if options.table:
        kept = json.loads((RESULTS / f"{Path(name).stem}.json").read_text(encoding="utf-8"))
        print(validity_tables(BenchDocument.model_validate(kept["details"])))
        return
    document = run_planted_bench(
        quick_set() if options.quick else standard_set(),
        options.folder,
        encoder=options.encoder,
        processes=options.processes,
        progress=sys.stderr.isatty(),
    )
    show_bench(document)
    built = document.build_seconds if options.built_in is None else options.built_in
    checks = [
        *truth_checks(document),
        *control_checks(document),
        *field_checks(document),
        at_most("minutes to build the set", built / 60, 5 if options.quick else 60),
    ]
    record(name, checks, details=document.model_dump(mode="json"))


if __name__ == "__main__":
    main()
