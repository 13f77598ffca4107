import numpy as np
import pytest
from tests.models.text_folders import write_text_folder

from seewhy.evaluation.narration.retrieval import reason_sameness
from seewhy.evaluation.narration.retrieval_document import (
    RetrievalDocument,
    RetrievalSettings,
    evaluate_retrieval_attack,
    sameness_of,
)
from seewhy.evaluation.narration.retrieval_files import write_reasons, write_retrieved
from seewhy.evaluation.narration.sentences import hashed_sentences
from seewhy.models.text_folder import load_text_folder

QUESTIONS = [f"q{number}" for number in range(5)]
NEAREST = {"same.png": QUESTIONS, "other.png": [*QUESTIONS[:4], "q0"]}
WORDS = ("dog", "cat", "sky", "road", "snow")
TOLD = {"same.png": ["the dog is red"] * 5, "other.png": [*WORDS[:4], "dog"]}
SETTINGS = RetrievalSettings(cuts=(2, 5), resamples=100)


@pytest.fixture
def files(tmp_path):
    retrieved = write_retrieved(tmp_path, NEAREST, direction="i2t", dataset="x")
    return retrieved, write_reasons(tmp_path / "reasons.json", NEAREST, TOLD)


def test_the_same_reason_everywhere_is_100_and_words_in_common_count(tmp_path, files):
    found = evaluate_retrieval_attack(*files, settings=SETTINGS)
    document = found.document
    by_query = {row["query"]: row for row in found.rows}
    assert by_query["same.png"]["similarity at 5"] == pytest.approx(1)
    # One pair of ten is of equal reasons.
    assert by_query["other.png"]["similarity at 2"] == 0
    assert by_query["other.png"]["similarity at 5"] == pytest.approx(0.1)
    values = {name: each.value for name, each in document.figures.items()}
    assert values == pytest.approx({"similarity at 2": 50, "similarity at 5": 55})
    assert document.distinct == {"inputs": 4.5, "reasons": 2.5}
    assert document.queries == 2
    assert "stand-in" in document.notes[-1]
    path = found.save(tmp_path / "out")
    assert RetrievalDocument.model_validate_json(path.read_bytes()) == document


def test_a_sentence_encoder_is_taken_from_its_folder(tmp_path, files):
    folder = write_text_folder(tmp_path / "tiny")
    settings = SETTINGS.model_copy(update={"sentences": str(folder)})
    found = evaluate_retrieval_attack(*files, settings=settings)
    assert found.document.encoder == "tiny"
    vectors = load_text_folder(folder).sentences([t for each in TOLD.values() for t in each])
    expected = reason_sameness(vectors.numpy().reshape(2, 5, -1), cuts=(2, 5)).per_query
    assert [row["similarity at 5"] for row in found.rows] == pytest.approx(expected[1], abs=1e-5)


def test_many_queries_are_as_one_by_one():
    generator = np.random.default_rng(0)
    reasons = [[" ".join(generator.choice(WORDS, 3)) for _ in range(4)] for _ in range(70)]
    found = sameness_of(reasons, hashed_sentences, cuts=(4,)).per_query[0]
    alone = [sameness_of([each], hashed_sentences, cuts=(4,)).per_query[0, 0] for each in reasons]
    assert found == pytest.approx(alone)


def test_hashed_sentences_go_by_words_in_any_case():
    first, again, other, empty = hashed_sentences(["A dog!", "a DOG", "the sky", ""])
    assert first == pytest.approx(again)
    assert first @ other == empty @ empty == 0
    # Of three n-grams each, two single words are shared.
    near = hashed_sentences(["dog cat", "cat dog"])
    assert near[0] @ near[1] == pytest.approx(2 / 3)
