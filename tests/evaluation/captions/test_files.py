import json

import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.files import paired, read_references, read_results


@pytest.fixture
def write(tmp_path):
    def written(document, name="file.json"):
        path = tmp_path / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return written


def caption(name, text, **more):
    return {"image_id": name, "caption": text, **more}


def test_results_and_references_meet_by_any_id(write):
    results = read_results(write([caption(7, "a cat"), caption("b/c.jpg", "", score=0.5)]))
    assert results == {"7": "a cat", "b/c.jpg": ""}
    annotations = [caption("7", "one", id=1), caption("x", "löwe"), caption(7, "two")]
    references = read_references(
        write({"images": [], "annotations": annotations, "type": "captions"})
    )
    assert references == {"7": ["one", "two"], "x": ["löwe"]}
    found = paired(results, references)
    assert (found.texts, found.without_reference) == ({"7": "a cat"}, ("b/c.jpg",))
    assert found.without_result == ("x",)


@pytest.mark.parametrize(
    ("document", "finding"),
    [
        (
            {"annotations": []},
            r"holds an object of 1 keys \('annotations'\), and the whole is wrong",
        ),
        ([{"image_id": 1}], r"holds a list of 1, and 'caption' of 0 is wrong: field required"),
        ([caption(1.5, "x")], "of 'image_id' of 0 is wrong"),
        ([caption(1, None)], "'caption' of 0 is wrong"),
        ("text", "holds str"),
    ],
)
def test_other_files_are_refused_by_what_came(write, document, finding):
    with pytest.raises(UsageError, match=finding) as caught:
        read_results(write(document))
    assert 'Wanted is a list of {"image_id"' in str(caught.value)


def test_references_of_another_form_are_refused(write):
    with pytest.raises(UsageError, match="a list of 1, and the whole is wrong"):
        read_references(write([caption(1, "x")]))
    with pytest.raises(UsageError, match="'annotations' is wrong: field required"):
        read_references(write({"images": []}))


def test_two_texts_of_one_id_are_refused(write):
    with pytest.raises(UsageError, match="3 texts of 2 ids; 7 comes twice"):
        read_results(write([caption(7, "a"), caption("7", "b"), caption(8, "c")]))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_results(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"[{")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        read_results(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        read_references(broken)


def test_files_of_two_data_sets_are_refused():
    with pytest.raises(
        UsageError, match=r"none of the 1 results \(such as 1\).* 1 ids .*\(such as 2\)"
    ):
        paired({"1": "a"}, {"2": ["a"]})
    with pytest.raises(UsageError, match="none of the 0 results is among the 0 ids"):
        paired({}, {})
