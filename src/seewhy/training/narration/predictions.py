"""What a narrator told of test questions, in the files of the published code."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.scores import CaptionScores, score_captions
from seewhy.results.files import output_folder, write_json
from seewhy.training.narration.judging import Judged, Judgement

_PER_CENT = 100


def write_predictions(folder: Path, judgement: Judgement, *, name: str, number: int) -> Path:
    """Sentences, reasons of all and of those with a right answer, their scores, and references.

    `number` is that of the epoch, or of the step where there are none. Scores are 100 times what
    they are, as published; an answer is right when it is among those that are accepted.
    """
    home = output_folder(folder)
    items = dict(zip(_ids(judgement), judgement.items, strict=True))
    right = {key: each for key, each in items.items() if each.is_right}
    write_json(home / f"unf_captions_full_{number}.json", _results(items, "text"))
    write_json(home / f"unf_captions_exp_{number}.json", _results(items, "reason"))
    write_json(home / f"captions_exp_{number}.json", _results(right, "reason"))
    write_json(home / f"scores_exp_{number}.json", _scores(judgement, items, right))
    full = {
        key: tuple(
            f"{answer} because {reason}"
            for answer in each.question.accepted[:1]
            for reason in each.question.record.explanations
        )
        for key, each in items.items()
    }
    reasons = {key: tuple(each.question.record.explanations) for key, each in items.items()}
    write_json(home / f"{name}_test_annot_exp.json", _references(reasons))
    write_json(home / f"{name}_test_annot_full.json", _references(full))
    return home


def _ids(judgement: Judgement) -> list[int | str]:
    """The records' own, numbers where they are; with task and place where two share one."""
    names = [each.question.record.id for each in judgement.items]
    times = Counter(names)
    return [
        _number(name) if times[name] == 1 else f"{each.question.record.task}:{name}:{place}"
        for place, (name, each) in enumerate(zip(names, judgement.items, strict=True))
    ]


def _number(name: str) -> int | str:
    return int(name) if name.isdecimal() and name == str(int(name)) else name


def _results(items: Mapping[int | str, Judged], what: str) -> list[dict[str, object]]:
    return [{"image_id": key, "caption": getattr(each, what)} for key, each in items.items()]


def _references(texts: Mapping[int | str, tuple[str, ...]]) -> dict[str, object]:
    pairs = [(key, text) for key, each in texts.items() for text in each]
    return {
        "info": {},
        "licenses": [],
        "type": "captions",
        "images": [{"id": key} for key in texts],
        "annotations": [
            {"image_id": key, "caption": text, "id": number}
            for number, (key, text) in enumerate(pairs)
        ],
    }


def _scores(
    judgement: Judgement, items: Mapping[int | str, Judged], right: Mapping[int | str, Judged]
) -> dict[str, object]:
    figures = {name: value for name, value in judgement.figures.items() if name != "CIDEr"}
    told = {key: each for key, each in items.items() if each.question.record.explanations}
    found: dict[str, object] = {name: _PER_CENT * value for name, value in figures.items()}
    if not told:
        return found
    every = score_captions(
        caption_items(
            {key: each.reason for key, each in told.items()},
            {key: each.question.record.explanations for key, each in told.items()},
        )
    )
    return {**found, "unfiltered": _values(every), "filtered": _values(every.only(right))}


def _values(scores: CaptionScores) -> dict[str, float]:
    if not len(scores.items):
        return {}
    return {name: _PER_CENT * value for name, value in scores.values.items()}
