from dataclasses import replace

import pytest

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, drawn_narrations
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.data.narration.records import NarrationRecord, Vote, votes_for
from seewhy.data.narration.uninlx_files import uninlx_test_document, uninlx_train_document


def record(task, question, *answers):
    return NarrationRecord("1", task, ("a.png",), question, votes_for(answers), ("e",))


def test_questions_are_cleaned_but_those_that_are_stored_clean():
    prompts = Prompts()
    assert prompts.question(record("vqaX", "What's this?")) == "whats this"
    assert prompts.question(record("esnlive", "A man sleeps.")) == "a man sleeps"
    assert prompts.question(record("vcr", "is person0 here?")) == "is person0 here?"
    assert prompts.question(record("actX", None)) == "what is the person doing"
    assert prompts.question(record("imagenetX", "?")) == "what is the main object in the image"


def test_templates_are_settings():
    prompts = Prompts({"vqaX": "look: {question} {odd}", "actX": "what now"})
    assert prompts.question(record("vqaX", "Why?")) == "look: why {odd}"
    assert prompts.question(record("actX", None)) == "what now"
    with pytest.raises(UsageError, match=r"no template for the task 'vcr'.*vqaX, actX"):
        prompts.question(record("vcr", "Why"))
    with pytest.raises(UsageError, match=r"without \{question\}"):
        prompts.question(record("vqaX", None))


def test_the_first_answer_is_the_one_to_train():
    def accepted(found):
        return [vote.text for vote in unified(found, Prompts()).votes]

    assert accepted(record("vqaX", "q", "three", "Two", "2")) == ["2", "3"]
    assert accepted(record("actX", None, "The bike, mountain")) == ["bike mountain"]
    choice = replace(record("aokvqa", "q", "b", "c", "b"), choices=("a", "b", "c"), correct=2)
    assert accepted(choice) == ["c", "b"]
    assert accepted(record("vcr", "q", "The cat.")) == ["The cat."]
    assert accepted(record("vqaX", "q")) == []


def test_all_seven_tasks_become_one_file():
    records = [unified(each.record, Prompts()) for each in drawn_narrations(14)]
    training = uninlx_train_document(records)
    assert len(training) == sum(len(each.explanations) for each in records)
    assert [entry["dataset"] for entry in uninlx_test_document(records).values()] == [
        *DRAWN_TASKS, *DRAWN_TASKS,
    ]  # fmt: skip
    assert records[0].votes[0] == Vote(records[0].votes[0].text)
