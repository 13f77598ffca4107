import pytest
import torch
from tests.evaluation.captions.golden import stored
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.explain_predict import (
    ENTAILMENT,
    LENGTHS,
    answer_loss,
    entailment_loss,
    multi_hot_targets,
    predict_row,
    right_predictions,
    soft_targets,
)

GOLDEN = stored("explain_predict.json")
CLASSES, ANSWERS = GOLDEN["vocab"], GOLDEN["raw_answers"]
LOGITS = torch.tensor(GOLDEN["logits"])
TASKS = {"vqax": "vqa-x", "esnlive": "e-snli-ve", "actx": "act-x"}


def test_targets_are_the_published_ones():
    assert_close(soft_targets(ANSWERS, CLASSES), torch.tensor(GOLDEN["soft_targets_vqax"]))
    assert_close(multi_hot_targets(ANSWERS, CLASSES), torch.tensor(GOLDEN["multi_hot_actx"]))


def test_loss_and_accuracy_are_the_published_ones():
    loss = answer_loss(LOGITS, soft_targets(ANSWERS, CLASSES))
    assert float(loss) == pytest.approx(GOLDEN["loss_bce_sum"], abs=1e-4)
    right = right_predictions(LOGITS, ANSWERS, classes=CLASSES)
    assert right.tolist() == GOLDEN["correct"]
    assert float(right.float().mean()) == pytest.approx(GOLDEN["accuracy"])


def test_entailment_is_the_published_one():
    golden = GOLDEN["entailment"]
    assert list(ENTAILMENT) == golden["classes"]
    logits, labels = torch.tensor(golden["logits"]), torch.tensor(golden["labels"])
    assert float(entailment_loss(logits, labels)) == pytest.approx(golden["loss_ce_mean"], abs=1e-5)
    classes = {name: number for number, name in enumerate(ENTAILMENT)}
    answers = [{ENTAILMENT[label]} for label in golden["labels"]]
    right = right_predictions(logits, answers, classes=classes)
    assert float(right.float().mean()) == golden["accuracy"]


@pytest.mark.parametrize("given", TASKS)
@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("train_train", "explanation"),
        ("test_gt", "gt_explanation"),
        ("test_generated", "explanation"),
    ],
)
def test_rows_are_the_published_ones(given, which, reason):
    case = GOLDEN["inputs_whitespace_tokens"][given]
    for sample, row in zip(case["samples"].values(), case["out"][which], strict=True):
        question = sample.get("question", sample.get("hypothesis"))
        words = None if question is None else question.lower().split()
        found = predict_row(words, sample[reason].lower().split(), lengths=LENGTHS[TASKS[given]])
        assert (list(found.tokens), list(found.mask)) == (row["tokens"], row["mask"])


def test_a_long_reason_is_cut():
    row = predict_row(["q"] * 30, ["r"] * 60, lengths=LENGTHS["vqa-x"])
    assert row.tokens.count("q") == 14
    assert len(row.tokens) == sum(row.mask) == 40


def test_questions_where_none_belongs_are_refused():
    with pytest.raises(UsageError, match="has no question"):
        predict_row(["q"], ["r"], lengths=LENGTHS["act-x"])
    with pytest.raises(UsageError, match="has a question"):
        predict_row(None, ["r"], lengths=LENGTHS["vqa-x"])


def test_answers_outside_the_classes_are_no_target():
    assert soft_targets([["never seen"] * 10], CLASSES).sum() == 0
    assert not right_predictions(LOGITS[:1], [{"never seen"}], classes=CLASSES).any()
