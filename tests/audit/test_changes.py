import json

import pytest
from tests.audit import documents
from tests.audit.documents import field_loss, share
from tests.audit.test_gates import with_field

from seewhy.audit.changes import change, read_audit, with_baseline
from seewhy.audit.schema import AuditDocument, Estimate
from seewhy.base.errors import UsageError
from seewhy.results.files import write_json


def written(document, path):
    return write_json(path, document.model_dump(mode="json"))


def only(document, number):
    """One model of an audit of several."""
    return document.model_copy(
        update={"verdicts": [document.verdicts[number]], "details": [document.details[number]]}
    )


def test_an_audit_is_read_as_it_was_written(tmp_path):
    document = documents.hostile_document()
    written(document, tmp_path / "audit.json")
    again = read_audit(tmp_path / "audit.json")
    assert read_audit(tmp_path) == again
    # Lone surrogates have no place in JSON and come back as escapes.
    assert again.verdicts == document.verdicts
    assert len(again.notes) == len(document.notes)


def test_documents_of_the_first_schema_are_read(tmp_path):
    """They know no field losses, no slices and no baseline."""
    data = documents.biased_document().model_dump(mode="json")
    data["schema_version"] = "1.0"
    del data["baseline"]
    for details in data["details"]:
        del details["field"], details["slices"]
    write_json(tmp_path / "audit.json", data)
    assert read_audit(tmp_path).details[0].field == {}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (None, "no earlier audit at"),
        (b"{", "damaged or no audit.json"),
        (b"\xff\xfe", "damaged or no audit.json"),
        (b"[1]", "damaged or no audit.json"),
        (b"[" * 100_000, "damaged or no audit.json"),
        (b"{}", "damaged or no audit.json"),
        (b'{"schema_version": "2.0"}', r"schema '2.0', and this version of seewhy reads 1\."),
        (b'{"schema_version": 7}', "schema 7"),
        (b'{"schema_version": "1.1"}', "no whole audit .*'created'"),
    ],
)
def test_what_is_no_audit_is_refused(tmp_path, data, match):
    path = tmp_path / "audit.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError, match=match):
        read_audit(path)


def test_a_difference_is_now_minus_then():
    found = change(share(0.6, 0.05), share(0.2, 0.1))
    assert found.difference == pytest.approx(-0.4)
    assert found.apart
    assert change(share(0.2, 0.1), share(0.6, 0.05)).apart


def test_intervals_that_touch_are_not_apart():
    first = Estimate(value=0.2, low=0.1, high=0.3)
    second = Estimate(value=0.4, low=0.3, high=0.5)
    assert change(first, second).apart is False
    assert change(second, first).apart is False
    assert change(first, first).difference == 0


def test_what_one_audit_lacks_is_not_compared():
    for before, now in ((None, share(0.5)), (share(0.5), None), (share(None), share(0.5))):
        found = change(before, now)
        assert (found.difference, found.apart) == (None, None)
    assert change(None, share(0.5)).before.reason == "not in this audit"
    assert change(Estimate(value=0.1), Estimate(value=0.2)).apart is None


def test_an_audit_against_itself_changes_nothing():
    document = with_field(documents.biased_document(), {"colour": field_loss(0.2)})
    baseline = with_baseline(document, document).baseline
    assert baseline.warnings == []
    (found,) = baseline.models
    assert found.dominant == found.dominant_before == "colour"
    figures = [found.accuracy, *found.shares.values(), *found.losses.values()]
    assert len(figures) == 4
    assert {(figure.difference, figure.apart) for figure in figures} == {(0.0, False)}


def test_one_model_each_is_compared_under_any_name():
    earlier, now = (only(documents.compared_document(), number) for number in (0, 1))
    baseline = with_baseline(now, earlier).baseline
    (found,) = baseline.models
    assert (found.earlier, found.model) == ("biased.safetensors", "unbiased.safetensors")
    assert (found.dominant_before, found.dominant) == ("colour", "shape")
    assert found.shares["colour"].difference == pytest.approx(0.03 - 0.86)
    assert found.shares["colour"].apart
    assert baseline.warnings == [
        "unbiased.safetensors is compared with biased.safetensors: each audit has one model."
    ]


def test_several_models_are_compared_by_name():
    both = documents.compared_document()
    baseline = with_baseline(both, only(both, 1)).baseline
    assert [found.model for found in baseline.models] == ["unbiased.safetensors"]
    assert baseline.warnings == ["Not in the earlier audit: biased.safetensors."]
    baseline = with_baseline(only(both, 1), both).baseline
    assert baseline.warnings == ["Only in the earlier audit: biased.safetensors."]


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"hashes": {"images": "other"}}, "The images are not the same"),
        ({"encoder": "open_clip:RN50/openai"}, "open_clip:RN50/openai then, embedded:clip-resnet"),
        (
            {"hashes": {"images": "9f2c" * 16, "encoder embedded:clip-resnet": "0"}},
            "The encoder is not the same",
        ),
        ({"groups": {"mark": {}}}, "mark then, colour, shape now"),
        ({"settings": {"seed": 1}}, "seed 1 then, 0 now; protocol None then, 'default' now"),
        ({"versions": {"seewhy": "0.0.1"}}, "0.0.1 then, 0.1.0 now"),
    ],
)
def test_what_may_have_moved_the_figures_is_told(changes, warning):
    document = documents.biased_document()
    warnings = with_baseline(document, document.model_copy(update=changes)).baseline.warnings
    assert warning in " ".join(warnings)


def test_an_audit_with_its_changes_is_a_document(tmp_path):
    both = documents.compared_document()
    changed = with_baseline(both, both)
    written(changed, tmp_path / "audit.json")
    assert (
        AuditDocument.model_validate(json.loads((tmp_path / "audit.json").read_text())) == changed
    )
    assert with_baseline(both, read_audit(tmp_path)).baseline.models == changed.baseline.models
