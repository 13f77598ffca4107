import pytest
from tests.evaluation.captions.golden import released

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.meteor import NAME
from seewhy.evaluation.captions.scores import score_captions
from seewhy.evaluation.narration.answers import Truth
from seewhy.evaluation.narration.scores import score_narrations

TEXTS = {
    1: "yes because the sky is clear",
    2: "2 because there are two dogs",
    3: "blue because it is painted blue",
    4: "no because there is a wet road",
}
TRUTHS = {
    1: Truth(("yes", "yes", "no"), ("the sky is blue",)),
    2: Truth(("two", "three", "3"), ("there are two dogs",)),
    3: Truth(("red", "red"), ("it is painted", "it has paint")),
    4: Truth(("no",) * 3, ("the road is wet",)),
}


def test_reasons_of_right_answers_are_scored_among_themselves():
    found = score_narrations(TEXTS, TRUTHS)
    assert found.filtered["majority"].items.ids == (1, 4)
    assert found.filtered["any"].items.ids == (1, 2, 4)
    alone = caption_items(
        {1: "the sky is clear", 4: "there is a wet road"},
        {1: ["the sky is blue"], 4: ["the road is wet"]},
    )
    assert found.filtered["majority"].values == score_captions(alone).values
    every = found.unfiltered.each["CIDEr"][[0, 3]].mean()
    assert found.filtered["majority"].values["CIDEr"] != pytest.approx(every, abs=0.01)


def test_accuracies_and_their_intervals():
    found = score_narrations(TEXTS, TRUTHS)
    vqa = (2 / 3 + 1 / 3 + 0 + 1) / 4
    assert found.accuracies == pytest.approx({"majority": 0.5, "any": 0.75, "vqa": vqa})
    intervals = found.accuracy_intervals(resamples=200)
    assert intervals["majority"].low < intervals["majority"].value < intervals["majority"].high


def test_the_reason_may_be_wrong_where_the_answer_is_right():
    swapped = TEXTS | {1: "yes because there are two dogs"}
    found = score_narrations(swapped, TRUTHS)
    assert found.accuracies == score_narrations(TEXTS, TRUTHS).accuracies
    assert found.distinct == 3


def test_bertscores_make_a_filter_of_their_own():
    found = score_narrations(TEXTS, TRUTHS, answer_f1={1: 0.95, 2: 0.1, 3: 0.92, 4: 0.9})
    assert found.filtered["bertscore"].items.ids == (1, 3)
    assert found.accuracies["bertscore"] == 0.5


def test_a_rule_that_keeps_nothing_has_no_scores():
    found = score_narrations({3: TEXTS[3]}, TRUTHS)
    assert found.filtered["any"].values["CIDEr"] != found.filtered["any"].values["CIDEr"]
    assert found.accuracies["any"] == 0


def test_sentences_without_truth_are_named():
    with pytest.raises(UsageError, match="1 of 5 sentences have no truth, such as 9"):
        score_narrations(TEXTS | {9: "yes"}, TRUTHS)
    with pytest.raises(UsageError, match="3 of 4 sentences have no BERTScore, such as 2"):
        score_narrations(TEXTS, TRUTHS, answer_f1={1: 1.0})
    with pytest.raises(UsageError, match="no reference"):
        score_narrations(TEXTS, TRUTHS | {1: Truth(("yes",))})


@pytest.mark.parametrize("parsing", ["first", "nlx-gpt"])
def test_the_published_output_gets_its_published_scores(parsing):
    rows, expected = released()
    texts = {row["id"]: row["generated"] for row in rows}
    truths = {row["id"]: Truth(tuple(row["answers"]), tuple(row["explanations"])) for row in rows}
    found = score_narrations(texts, truths, parsing=parsing)
    scored = {"unfiltered": found.unfiltered} | {
        f"filtered_{k}": v for k, v in found.filtered.items()
    }
    for name, scores in scored.items():
        wanted = expected[name]
        assert len(scores.items) == wanted["n"]
        bleu = [scores.values[f"BLEU-{order}"] for order in range(1, 5)]
        assert bleu == pytest.approx(wanted["bleu"], abs=1e-9)
        assert scores.values["ROUGE-L"] == pytest.approx(wanted["rouge_l"], abs=1e-9)
        assert scores.values["CIDEr"] == pytest.approx(wanted["cider"], abs=1e-9)
        # The official METEOR knows synonyms and paraphrases too; the gap is documented.
        assert 0.011 < wanted["meteor"] - scores.values[NAME] < 0.014
    assert found.accuracies == pytest.approx(
        {
            "majority": expected["accuracy_majority"],
            "any": expected["accuracy_any"],
            "vqa": expected["vqa_soft_accuracy_min1_n3"],
        }
    )
