import json
from pathlib import Path

import pytest

from seewhy.data.narration.cleaning import clean_question, majority_answer, normalise_answer

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/nle/normalise.json").read_text("utf-8"))


@pytest.mark.parametrize(("raw", "cleaned"), GOLDEN["question"])
def test_questions_are_cleaned_as_published(raw, cleaned):
    assert clean_question(raw) == cleaned


@pytest.mark.parametrize(("raw", "normalised"), GOLDEN["answer"])
def test_answers_are_normalised_as_published(raw, normalised):
    assert normalise_answer(raw) == normalised


@pytest.mark.parametrize("case", GOLDEN["majority"])
def test_the_majority_is_the_published_one(case):
    assert [normalise_answer(answer) for answer in case["answers"]] == case["normalised"]
    assert majority_answer(case["answers"]) == case["majority"]


@pytest.mark.parametrize(
    ("raw", "normalised"),
    [
        ("wouldnt've", "wouldn't've"),
        ("wouldn'tve", "wouldn't've"),
        ("wouldntve", "wouldntve"),
        ("somebody'd", "somebodyd"),
        ("lets", "lets"),
        ("wed", "wed"),
        ("twas\tnot\nso", "'twas not so"),
        ("1,000-2,000", "10002000"),
        (".".join("a" * 40), "a" * 33 + ".a" * 7),
    ],
)
def test_oddities_of_the_public_rules_are_kept(raw, normalised):
    assert normalise_answer(raw) == normalised
