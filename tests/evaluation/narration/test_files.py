import json

import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.answers import Truth
from seewhy.evaluation.narration.files import read_answer_f1, read_truths


@pytest.fixture
def write(tmp_path):
    def written(document):
        path = tmp_path / "file.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return written


@pytest.mark.parametrize(
    ("entry", "truth"),
    [
        (
            {"answers": [{"answer": "two", "answer_id": 1}, {"answer": "2"}], "explanation": ["x"]},
            Truth(("two", "2"), ("x",)),
        ),
        ({"answers": "jogging", "explanation": ["x", "y"]}, Truth(("jogging",), ("x", "y"))),
        (
            {"answers": "neutral", "hypothesis": "h", "explanation": "x"},
            Truth(("neutral",), ("x",)),
        ),
        ({"answer": ["a", "b"], "explanation": ["x"]}, Truth(("a", "b"), ("x",))),
        ({"explanation": ["x"]}, Truth((), ("x",))),
    ],
)
def test_entries_of_every_published_form(write, entry, truth):
    assert read_truths(write({"12": entry})) == {"12": truth}


def annotations(*captions):
    return {"annotations": [{"image_id": 1, "caption": each} for each in captions]}


def test_sentences_and_reasons_alone(write):
    told = ("yes because it is so because it is", "no because not")
    found = read_truths(write(annotations(*told)))
    assert found == {"1": Truth((), ("it is so because it is", "not"), told)}
    alone = read_truths(write(annotations("it is so because it is", "not")))
    assert alone == {"1": Truth((), ("it is so because it is", "not"))}


@pytest.mark.parametrize("document", [[], {"1": []}, {"1": {"answers": "x"}}, {"annotations": 3}])
def test_other_files_are_refused(write, document):
    with pytest.raises(UsageError, match=r"Wanted is an object"):
        read_truths(write(document))


def test_bertscores(write):
    assert read_answer_f1(write({"1": 0.5})) == {"1": 0.5}
    with pytest.raises(UsageError, match="'1' is wrong"):
        read_answer_f1(write({"1": "high"}))
