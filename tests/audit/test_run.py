"""The whole audit on tiny models: what it writes, what it survives, what it leaves alone."""

import json
from dataclasses import replace

import pyarrow.parquet
import pytest
import torch
from PIL import Image

import seewhy
from seewhy.audit.run import audit
from seewhy.audit.schema import AuditDocument
from seewhy.audit.settings import AuditSettings
from seewhy.base.errors import DataError, UsageError
from seewhy.data.digits import DigitExperiment
from seewhy.data.records import ImageRecord
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder

CONCEPTS = {
    "colour": {"red": ["a photo of the red digit"], "green": ["a photo of the green digit"]},
    "shape": {"5": ["a photo of the digit 5"], "8": ["a photo of the digit 8"]},
}
QUICK = AuditSettings(controls=3, bootstrap=100, probe_images=50, batch_size=16)


@pytest.fixture(scope="module")
def records():
    return DigitExperiment().records("held-out", "random")[:40]


@pytest.fixture(scope="module")
def encoder():
    return tiny_dual_encoder("resnet")


def named(name="tiny", classes=("5", "8"), seed=0):
    model = tiny_classifier("resnet", seed=seed, classes=len(classes))
    return Classifier(
        model.module, preprocess=model.preprocessing, classes=list(classes), name=name
    )


@pytest.fixture(scope="module")
def result(records, encoder):
    return audit(named(), records, CONCEPTS, encoder=encoder, settings=QUICK)


def test_an_untrained_model_is_undecided(result):
    assert result.verdict.undecided
    assert result.verdict.dominant is None
    assert result.verdict.reason


def test_the_rows_of_evidence_are_all_there(result):
    names = {row.name for row in result.verdict.evidence}
    assert names == {
        "graft-published",
        "graft-readable",
        "decision-share",
        "probe-share",
        "interventions",
        "counterfactuals",
    }


def test_the_identity_graft_changes_nothing(result):
    control = next(c for c in result.verdict.controls if c.name == "identity graft")
    assert control.holds
    assert control.value <= 1e-6


def test_saved_files_are_complete_and_strict(result, tmp_path):
    result.save(tmp_path)
    text = (tmp_path / "audit.json").read_text()
    assert "NaN" not in text
    assert AuditDocument.model_validate(json.loads(text)) == result.document
    table = pyarrow.parquet.read_table(tmp_path / "images.parquet").to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in result.images]
    depths = len(result.document.details[0].layers)
    assert {len(row["similarities"]) for row in table} == {depths}
    assert pyarrow.parquet.read_table(tmp_path / "failures.parquet").num_rows == 0
    loaded = seewhy.load_explanation(tmp_path / "explanation.safetensors")
    assert loaded.target == result.document.title
    assert "report.html" in {path.name for path in tmp_path.iterdir()}
    assert list((tmp_path / "figures").glob("*.svg"))
    assert list((tmp_path / "figures").glob("*.png"))


def test_a_notebook_shows_the_result(result):
    assert "colour" in result._repr_html_()
    assert result.plot() is not None
    assert len(result.to_frame()) == len(result.images)


def test_same_seed_same_document(records, encoder, result):
    again = audit(named(), records, CONCEPTS, encoder=encoder, settings=QUICK)
    assert again.document.verdicts == result.document.verdicts
    assert again.document.details == result.document.details


def test_batch_size_changes_nothing_beyond_rounding(records, encoder, result):
    small = audit(
        named(),
        records,
        CONCEPTS,
        encoder=encoder,
        settings=QUICK.model_copy(update={"batch_size": 7}),
    )
    for one, other in zip(result.images, small.images, strict=True):
        assert one["predicted"] == other["predicted"]
        torch.testing.assert_close(
            torch.tensor(one["similarities"]),
            torch.tensor(other["similarities"]),
            atol=1e-4,
            rtol=0,
        )


def test_two_models_are_read_on_the_same_images(records, encoder):
    result = audit(
        [named("one"), named("two", seed=1)], records, CONCEPTS, encoder=encoder, settings=QUICK
    )
    assert [verdict.model for verdict in result.verdicts] == ["one", "two"]
    ids = [[row["id"] for row in result.images if row["model"] == name] for name in ("one", "two")]
    assert ids[0] == ids[1]
    with pytest.raises(UsageError, match="one, two"):
        _ = result.verdict


def test_the_model_is_left_as_found(records, encoder):
    model = named()
    model.module.train()
    state = torch.get_rng_state()
    before = fingerprint(model.module)
    audit(model, records, CONCEPTS, encoder=encoder, settings=QUICK)
    assert fingerprint(model.module) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_the_model_is_left_as_found_after_an_error(records, encoder):
    class Broken(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv2d(3, 4, 3)

        def forward(self, _pixels):
            raise ZeroDivisionError

    module = Broken()
    before = fingerprint(module)
    model = Classifier(module, preprocess=named().preprocessing, classes=["5", "8"])
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        audit(model, records, CONCEPTS, encoder=encoder, settings=QUICK)
    assert fingerprint(module) == before


def broken_record(name):
    def read():
        raise DataError("truncated", "the file ends too early")

    return ImageRecord(id=name, read=read, label="5")


def test_bad_images_become_rows_and_cost_nothing_else(records, encoder):
    result = audit(
        named(), [broken_record("bad"), *records], CONCEPTS, encoder=encoder, settings=QUICK
    )
    assert [(f.id, f.code) for f in result.failures] == [("bad", "truncated")]
    assert len(result.images) == len(records)
    result.check(max_failures=0.1)
    with pytest.raises(DataError, match=r"1 of 41.*truncated"):
        result.check(max_failures=0.01)


def test_only_bad_images_is_an_error(encoder):
    with pytest.raises(DataError, match="too early") as caught:
        audit(named(), [broken_record("bad")], CONCEPTS, encoder=encoder, settings=QUICK)
    assert caught.value.code == "all_failed"


def test_images_that_break_a_model_are_left_out(records, encoder):
    def preprocess(image):
        pixels = named().preprocessing(image)
        return pixels / (0.0 if image.size == (1, 1) else 1.0)

    odd = ImageRecord(id="odd", read=lambda: Image.new("RGB", (1, 1), (9, 9, 9)), label="5")
    model = Classifier(named().module, preprocess=preprocess, classes=["5", "8"], name="tiny")
    result = audit(model, [*records, odd], CONCEPTS, encoder=encoder, settings=QUICK)
    assert [(f.id, f.code) for f in result.failures] == [("odd", "non_finite")]


def test_hostile_names_are_shown_literally(records, encoder, tmp_path):
    script = "<script>alert(1)</script>"
    relabelled = [replace(record, label=script) for record in records]
    model = named(name="<b>$x_{</b>", classes=(script, "{{7*7}}"))
    result = audit(model, relabelled, CONCEPTS, encoder=encoder, settings=QUICK)
    page = result.save(tmp_path).read_text()
    assert script not in page
    assert "&lt;script&gt;" in page


def test_unknown_labels_are_noted(records, encoder):
    relabelled = [replace(record, label="cat") for record in records]
    result = audit(named(), relabelled, CONCEPTS, encoder=encoder, settings=QUICK)
    assert any("'cat'" in note for note in result.document.notes)
    assert result.document.details[0].accuracy["your images"].value is None


def test_one_image_is_undecided_and_not_an_error(records, encoder):
    result = audit(named(), records[:1], CONCEPTS, encoder=encoder, settings=QUICK)
    assert result.verdict.undecided


def test_the_published_protocol_votes_alone(records, encoder):
    settings = QUICK.model_copy(update={"protocol": "paper"})
    result = audit(named(), records, CONCEPTS, encoder=encoder, settings=settings)
    voting = [row.name for row in result.verdict.evidence if row.votes]
    assert "graft-published" in voting
    assert result.verdict.p_value is None


def test_what_is_no_model_is_refused(records, encoder):
    with pytest.raises(UsageError, match=r"seewhy\.Classifier"):
        audit(torch.nn.Linear(2, 2), records, CONCEPTS, encoder=encoder, settings=QUICK)
    with pytest.raises(UsageError, match="own name"):
        audit([named(), named()], records, CONCEPTS, encoder=encoder, settings=QUICK)
    with pytest.raises(UsageError, match="no model"):
        audit([], records, CONCEPTS, encoder=encoder, settings=QUICK)
    with pytest.raises(UsageError, match="dual encoder"):
        audit(named(), records, CONCEPTS, encoder=named(), settings=QUICK)
