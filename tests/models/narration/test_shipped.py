"""What ships is small, complete, and right about scenes that it never saw."""

from pathlib import Path

import pytest

from seewhy.data.narration.drawn.dataset import DRAWN_TASKS
from seewhy.data.narration.prompts import Prompts
from seewhy.models.narration.storage import embedded_narrators, load_narrator
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.judging import Judge, drawn_questions

FOLDER = Path(__file__).parents[3] / "src/seewhy/models/embedded/narrator-tiny"


@pytest.fixture(scope="module")
def narrator():
    return load_narrator("embedded:narrator-tiny")


@pytest.fixture(scope="module")
def questions(narrator):
    config = narrator.config
    prompts = Prompts(dict(config.prompts))
    return drawn_questions(140, config.layout, tasks=DRAWN_TASKS, prompts=prompts, seed=11)


def test_it_is_listed_and_fits_into_six_megabytes():
    assert "narrator-tiny" in embedded_narrators()
    assert {path.name for path in FOLDER.iterdir()} >= {
        "narrator.json", "vocabulary.json", "model.safetensors", "card.md", "training.csv",
    }  # fmt: skip
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6e6


def test_it_answers_rightly_with_true_reasons_and_looks(narrator, questions):
    judge = Judge(ExampleMaker(narrator.rows))
    figures = judge.judged(narrator, questions).figures
    assert figures["accuracy"] >= 0.85
    assert figures["true reasons"] >= 0.8
    elsewhere = judge.judged(narrator, questions, shift=len(DRAWN_TASKS)).figures
    assert elsewhere["accuracy"] <= 0.4
