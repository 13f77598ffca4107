"""A preset small enough to train within a test, and files of a few records each."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, drawn_captions, drawn_narrations
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.models.narration.config import ConvTowerConfig
from seewhy.training.narration import building, presets
from seewhy.training.narration.building import Beginning, begin, record_texts
from seewhy.training.narration.examples import DrawnExamples
from seewhy.training.narration.presets import DRAWN_PROMPTS, TINY, Checks, Decoder

SMALL = replace(
    TINY,
    decoder=Decoder(width=16, blocks=1, heads=2, positions=96, dropout=0.1),
    tower=ConvTowerConfig(channels=(4, 8)),
    preprocessing=replace(TINY.preprocessing, size=16),
    layout=replace(TINY.layout, generated=6),
    checks=Checks(every=2, questions=7, final=7, select="truth", batch=8),
    batch=8,
    steps=4,
    precision="fp32",
)


@pytest.fixture
def small_preset(monkeypatch):
    """What "tiny" means in this test."""
    monkeypatch.setattr(presets, "TINY", SMALL)
    monkeypatch.setattr(building, "_READ_AT_FIRST", 10)
    return SMALL


def small_narrator(preset=SMALL, *, seed=0):
    records = [unified(each.record, DRAWN_PROMPTS) for each in drawn_narrations(70)]
    records += [each.record for each in drawn_captions(10)]
    texts = list(record_texts(records, preset.layout))
    return begin(preset, Beginning(), texts=texts, prompts=Prompts(), seed=seed)


def drawn_examples(maker, *, size=8, tasks=DRAWN_TASKS, captions=0.25, seed=0, settled=0, **shares):
    return DrawnExamples(maker, size, tasks, captions, DRAWN_PROMPTS, seed, shares, settled)


def picture(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def written(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def vqax_file(folder, *, count=4, first=0, name="vqax.json"):
    """Questions with two reasons each, about images of their own."""
    entries = {}
    for number in range(first, first + count):
        image = f"COCO_val2014_{number:012d}.jpg"
        picture(folder / "val2014" / image, number)
        entries[str(number)] = {
            "question": "Is it red?",
            "answers": [{"answer": "yes", "answer_confidence": "yes", "answer_id": 1}],
            "image_id": str(number),
            "image_name": image,
            "explanation": ["it is red", "it looks red"],
        }
    return written(folder / name, entries)


def actx_file(folder, *, count=3):
    for number in range(count):
        picture(folder / "mpi" / f"{number}.jpg", 100 + number)
    return written(
        folder / "actx.json",
        {
            str(number): {
                "answers": "skiing",
                "image_id": str(number),
                "image_name": f"{number}.jpg",
                "explanation": ["there is snow"],
            }
            for number in range(count)
        },
    )


def caption_files(folder, *, count=5):
    names = [f"captioned/{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        picture(folder / name, 200 + number)
    written(folder / "corpus_captions_train.json", ["a red thing"] * count)
    return written(folder / "corpus_images_train.json", names)


def easy_vqa_folder(folder):
    for split in ("train", "test"):
        for number in range(3):
            picture(folder / split / "images" / f"{number}.png", number)
        questions = [["what color is it?", "red", number] for number in range(3)]
        written(folder / split / "questions.json", questions)
    (folder / "answers.txt").write_text("red\nblue\n", encoding="utf-8")
    return folder
