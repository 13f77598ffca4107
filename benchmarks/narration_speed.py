"""What do sentences cost, beside the published loop, and their scores, beside pycocoevalcap?

Run `python benchmarks/narration_speed.py`, alone on two cores, some minutes. A narrator
(--narrator) answers drawn questions, all at once with caches and one at a time with none.
pycocoevalcap (1.2) is taken from where it is installed or from `--toolkit FOLDER`, such as an
unpacked wheel; its tokenizer needs Java and is left out where there is none. Texts are drawn: words
by Zipf's law, each text a reference with some of its words exchanged. Own files can be scored in
their place.
"""

import argparse
import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from _record import Check, at_least, at_most, record

from seewhy.evaluation.captions.bleu import bleu_counts, ngram_counts
from seewhy.evaluation.captions.cider import cider
from seewhy.evaluation.captions.files import paired, read_references, read_results
from seewhy.evaluation.captions.items import Items, caption_items
from seewhy.evaluation.captions.rouge import rouge_l
from seewhy.evaluation.captions.words import caption_words
from seewhy.models.guard import inference
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.storage import load_narrator
from seewhy.models.narration.uncached import narrate_uncached
from seewhy.training.narration.building import Beginning, begin
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.run import NarratorTraining, prepared

SEED = 0
QUESTIONS = 64
ITEMS, REFERENCES = 2000, 3
VOCABULARY, MEAN_WORDS, EXCHANGED = 4000, 9, 0.4

Part = tuple[list[Check], dict[str, object]]
Lines = dict[object, list[str]]


@dataclass(frozen=True)
class Texts:
    """A text and its references per id."""

    candidates: Mapping[str, str]
    references: Mapping[str, Sequence[str]]

    @classmethod
    def drawn(cls) -> "Texts":
        """Sentences of made-up words."""
        generator = np.random.default_rng(SEED)
        shares = 1 / np.arange(1, VOCABULARY + 1)
        words = np.array([f"w{number}" for number in range(VOCABULARY)])
        draw = partial(generator.choice, words, p=shares / shares.sum())
        candidates, references = {}, {}
        for number in range(ITEMS):
            sizes = 2 + generator.poisson(MEAN_WORDS - 2, size=REFERENCES)
            known = [draw(size=size) for size in sizes]
            text = known[0].copy()
            places = generator.random(len(text)) < EXCHANGED
            text[places] = draw(size=int(places.sum()))
            candidates[str(number)] = " ".join(text)
            references[str(number)] = [" ".join(each) for each in known]
        return cls(candidates, references)

    @classmethod
    def read(cls, results: Path, references: Path) -> "Texts":
        """Own files in COCO's form."""
        known = read_references(references)
        return cls(paired(read_results(results), known).texts, known)


@dataclass(frozen=True)
class Turn:
    """What a side found, and the seconds that it took."""

    found: object
    seconds: float


def in_turns(sides: Mapping[str, Callable[[], object]], times: int) -> dict[str, Turn]:
    """The fastest of each side's turns, each from cold caches; sides alternate."""
    best: dict[str, Turn] = {}
    for _ in range(times):
        for name, side in sides.items():
            ngram_counts.cache_clear()
            caption_words.cache_clear()
            started = time.perf_counter()
            found = side()
            seconds = time.perf_counter() - started
            if name not in best or seconds < best[name].seconds:
                best[name] = Turn(found, seconds)
    return best


def ours(items: Items) -> dict[str, float]:
    """The six scores of the whole."""
    counts = bleu_counts(items)
    bleu = counts(np.ones(len(items), dtype=np.int64))
    return {
        **dict(zip(counts.names, map(float, bleu), strict=True)),
        "ROUGE-L": float(rouge_l(items).mean()),
        "CIDEr": float(cider(items).mean()),
    }


def theirs(given: Lines, known: Lines) -> dict[str, float]:
    """The same by pycocoevalcap, of the same words in its form."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    bleu, _ = Bleu(4).compute_score(known, given, verbose=0)
    return {
        **{f"BLEU-{order}": float(value) for order, value in enumerate(bleu, start=1)},
        "ROUGE-L": float(Rouge().compute_score(known, given)[0]),
        "CIDEr": float(Cider().compute_score(known, given)[0]),
    }


def _lines(items: Items) -> tuple[Lines, Lines]:
    given = {
        name: [" ".join(map(str, words))]
        for name, words in zip(items.ids, items.candidates, strict=True)
    }
    known = {
        name: [" ".join(map(str, words)) for words in group]
        for name, group in zip(items.ids, items.references, strict=True)
    }
    return given, known


def their_scorer(items: Items, name: str) -> Callable[[], object]:
    """One of their scorers on prepared input."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    given, known = _lines(items)
    if name == "BLEU":
        return lambda: Bleu(4).compute_score(known, given, verbose=0)
    scorer = Rouge() if name == "ROUGE-L" else Cider()
    return lambda: scorer.compute_score(known, given)


def java_words(texts: Texts) -> object:
    """Texts and references through the official tokenizer, which starts Java twice."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    with contextlib.redirect_stdout(io.StringIO()):
        return [
            PTBTokenizer().tokenize(
                {name: [{"caption": text} for text in group] for name, group in each.items()}
            )
            for each in (
                {name: [text] for name, text in texts.candidates.items()},
                {name: texts.references[name] for name in texts.candidates},
            )
        ]


def scorers(texts: Texts, times: int) -> Part:
    """BLEU, ROUGE-L and CIDEr of the same words, each alone and together, and the tokenizers."""
    items = caption_items(texts.candidates, texts.references)
    single = {"BLEU": bleu_counts, "ROUGE-L": rouge_l, "CIDEr": cider}
    details: dict[str, object] = {
        "texts": len(items),
        "references": sum(map(len, items.references)),
    }
    checks = []
    whole = in_turns(
        {"ours": partial(ours, items), "theirs": partial(theirs, *_lines(items))}, times
    )
    found, wanted = (whole[name].found for name in ("ours", "theirs"))
    checks.append(
        at_most(
            "scores, largest difference to pycocoevalcap",
            max(abs(found[name] - wanted[name]) for name in wanted),  # type: ignore[index, attr-defined]
            1e-9,
        )
    )
    pairs = {"all three": whole} | {
        name: in_turns({"ours": partial(score, items), "theirs": their_scorer(items, name)}, times)
        for name, score in single.items()
    }
    if shutil.which("java"):
        pairs["words"] = in_turns(
            {
                "ours": partial(caption_items, texts.candidates, texts.references),
                "theirs": partial(java_words, texts),
            },
            times,
        )
    for name, sides in pairs.items():
        ratio = sides["theirs"].seconds / sides["ours"].seconds
        checks.append(at_least(f"{name}, times faster than pycocoevalcap", ratio, 1))
        details[f"{name}, s"] = {side: turn.seconds for side, turn in sides.items()}
    return checks, details


def decoding(name: str | None, times: int) -> Part:
    """The same questions of the same narrator both ways; without a name it is an untrained one."""
    training = NarratorTraining()
    preset, material = prepared(training)
    if name is None:
        narrator = begin(
            preset, Beginning(), texts=material.texts, prompts=material.prompts, seed=SEED
        ).eval()
    else:
        narrator = load_narrator(name)
    maker = ExampleMaker(narrator.rows)
    records = [question.record for question in material.final[:QUESTIONS]]
    prompts = [maker.prompt(record) for record in records]
    pixels = torch.stack([narrator.preprocess(record.read()) for record in records if record.read])
    with inference(narrator):
        tokens = narrator.image_tokens(pixels)
    options = DecodingOptions(batch=QUESTIONS)
    sides = in_turns(
        {
            "batched, with caches": partial(narrate, narrator, tokens, prompts, options),
            "published loop": partial(narrate_uncached, narrator, tokens, prompts, options),
        },
        times,
    )
    quick, slow = sides["batched, with caches"], sides["published loop"]
    same = np.mean(
        [one.ids == other.ids for one, other in zip(quick.found, slow.found, strict=True)]
    )  # type: ignore[call-overload]
    told = {
        "narrator": name or "untrained, tiny",
        "questions": len(records),
        "tokens": sum(len(each.ids) for each in quick.found),  # type: ignore[attr-defined]
        "s": {side: turn.seconds for side, turn in sides.items()},
        "threads": torch.get_num_threads(),
    }
    return [
        at_least(
            "sentences, times faster than the published loop", slow.seconds / quick.seconds, 10
        ),
        at_least("sentences, share that both ways write alike", float(same), 1),
    ], told


def toolkit_version() -> str:
    """That of the package, where it is installed or unpacked with its metadata."""
    try:
        return version("pycocoevalcap")
    except PackageNotFoundError:
        return "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--toolkit", type=Path, help="a folder that holds pycocoevalcap")
    parser.add_argument("--results", type=Path, help="own texts, with --references")
    parser.add_argument("--references", type=Path)
    parser.add_argument("--narrator", help="a folder or embedded:NAME; by default an untrained one")
    parser.add_argument("--dry", action="store_true", help="print the checks and write nothing")
    options = parser.parse_args()
    if options.toolkit:
        sys.path.append(str(options.toolkit))
    is_own = options.results and options.references
    texts = Texts.read(options.results, options.references) if is_own else Texts.drawn()
    load = os.getloadavg()
    parts: dict[str, Part] = {
        "decoding": decoding(options.narrator, options.times),
        "scorers": scorers(texts, options.times),
    }
    checks = [check for found, _ in parts.values() for check in found]
    details = {name: told for name, (_, told) in parts.items()} | {
        "pycocoevalcap": toolkit_version(),
        "java": shutil.which("java") is not None,
        "load average before and after": [load[0], os.getloadavg()[0]],
    }
    if options.dry:
        print(*checks, details, sep="\n")
    else:
        record(__file__, checks, details=details)


if __name__ == "__main__":
    main()
