import numpy as np
import pytest
from tests.evaluation.captions.golden import stored

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.answers import (
    Truth,
    right_answers,
    rules_for,
    similar_answers,
    vqa_accuracy,
)

GOLDEN = stored("filter.json")
TRUTHS = {
    int(name): Truth(tuple(vote["answer"] for vote in each["answers"]), tuple(each["explanation"]))
    for name, each in GOLDEN["references"].items()
}
ANSWERS = {int(name): answer for name, answer in GOLDEN["parsed_answer"].items()}


@pytest.mark.parametrize("rule", ["majority", "any"])
def test_right_answers_are_the_published_ones(rule):
    kept = right_answers(ANSWERS, TRUTHS, by=rule)
    assert kept == GOLDEN[f"correct_{rule}"]
    assert len(kept) / len(ANSWERS) == GOLDEN[f"accuracy_{rule}"]


def test_similar_answers_are_the_published_ones():
    given = GOLDEN["bertscore_filter"]
    scores = dict(zip(given["ids"], given["f1"], strict=True))
    assert similar_answers(scores) == given["kept"]
    assert similar_answers({1: 0.5, 2: 0.7}, least=0.6) == [2]


def test_a_reference_sentence_gives_its_answer():
    truths = {
        "a": Truth(told=("neutral because x", "entailment because y")),
        "b": Truth(told=("x",)),
    }
    answers = {"b": "y", "a": "entailment"}
    assert right_answers(answers, truths, by="reference") == ["a"]


def test_three_annotators_who_agree_make_a_full_answer():
    votes = Truth(("two", "2", "Two!", "3", "4", "4"))
    found = vqa_accuracy({1: "2", 2: "4", 3: "3", 4: "5"}, dict.fromkeys(range(1, 5), votes))
    assert found == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert vqa_accuracy({}, {}).dtype == np.float64


def test_rules_are_those_that_every_truth_allows():
    votes, told = Truth(answers=("yes",)), Truth(told=("yes because",))
    assert rules_for([votes, votes]) == ("majority", "any")
    assert rules_for([told]) == ("reference",)
    assert rules_for([votes, told]) == rules_for([]) == ()


def test_a_rule_with_nothing_to_go_by_is_refused():
    with pytest.raises(UsageError, match="item 1 has no answers of annotators"):
        right_answers({1: "yes"}, {1: Truth()}, by="majority")
    with pytest.raises(UsageError, match="item 1 has no reference sentences"):
        right_answers({1: "yes"}, {1: Truth(("yes",))}, by="reference")
    with pytest.raises(UsageError, match="similar_answers"):
        right_answers({1: "yes"}, {1: Truth(("yes",))}, by="bertscore")
