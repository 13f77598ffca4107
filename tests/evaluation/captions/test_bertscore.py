import numpy as np
import pytest
import torch
from tests.evaluation.captions.golden import STORED
from tests.models.text_folders import write_text_folder

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.bertscore import bert_f1, block_for, greedy_matching
from seewhy.models.text_folder import load_text_folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_text_folder(write_text_folder(tmp_path_factory.mktemp("text") / "tiny", blocks=3))


def inner(length):
    return torch.tensor([False] + [True] * (length - 2) + [False])


def test_matching_is_that_of_the_published_program():
    """Its greedy matching on random states, with the first and the last token not counted."""
    golden = np.load(STORED / "nle" / "bertscore.npz")
    for row, (own, other) in enumerate(
        zip(golden["candidate_lengths"], golden["reference_lengths"], strict=True)
    ):
        found = greedy_matching(
            torch.from_numpy(golden["candidates"][row, :own]),
            torch.from_numpy(golden["references"][row, :other]),
            counted=(inner(int(own)), inner(int(other))),
        )
        assert found.precision == pytest.approx(golden["precision"][row], abs=1e-6)
        assert found.recall == pytest.approx(golden["recall"][row], abs=1e-6)
        assert found.f1 == pytest.approx(golden["f1"][row], abs=1e-6)


def test_by_hand():
    """Two tokens against three: each of the two has its like, of the three one has none."""
    text, reference = torch.eye(3)[:2], 5 * torch.eye(3)
    found = greedy_matching(text, reference, counted=(inner(4)[1:3], torch.ones(3).bool()))
    assert (found.precision, found.recall) == pytest.approx((1, 2 / 3))
    assert found.f1 == pytest.approx(0.8)


def test_a_text_is_like_itself_and_empty_ones_are_like_nothing(encoder):
    texts = ["The dog is red", "", "a cat", "a dog"]
    found = bert_f1(encoder, texts, [["the DOG is red"], ["a dog"], [""], ["yes", "a dog"]])
    assert found == pytest.approx([1, 0, 0, 1], abs=1e-6)


def test_texts_do_not_depend_on_their_company(encoder):
    texts, others = ["a dog", "the sky is clear because of snow"], [["a cat"], ["a blue sky"]]
    together = bert_f1(encoder, texts, others)
    alone = [bert_f1(encoder, [t], [o])[0] for t, o in zip(texts, others, strict=True)]
    assert together == pytest.approx(alone, abs=1e-6)
    swapped = bert_f1(encoder, ["a cat"], [["a dog"]])
    assert swapped[0] == pytest.approx(together[0], abs=1e-6)


def test_blocks_are_chosen_or_known(encoder):
    assert block_for(encoder) == 2
    values = [bert_f1(encoder, ["a dog"], [["the cat"]], block=block)[0] for block in (1, 2)]
    assert values[0] != values[1] == bert_f1(encoder, ["a dog"], [["the cat"]])[0]
    with pytest.raises(UsageError, match=r"has no block 4\. Choose one from 1 to 3"):
        bert_f1(encoder, ["a"], [["b"]], block=4)
    with pytest.raises(UsageError, match="1 of 1 texts have no reference"):
        bert_f1(encoder, ["a"], [[]])


def test_the_block_of_an_unknown_kind_has_to_be_named(encoder, monkeypatch):
    monkeypatch.setattr(encoder.config, "model_type", "bert", raising=False)
    with pytest.raises(UsageError, match="a bert of 3, BERTScore goes by is not known"):
        block_for(encoder)
