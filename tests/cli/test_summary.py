from pathlib import Path

import pytest
from tests.audit import documents

from seewhy.audit.changes import with_baseline
from seewhy.audit.schema import AuditDocument, Control, Estimate, Verdict
from seewhy.cli.summary import show_summary


def verdict(**changes) -> Verdict:
    given = {
        "model": "biased",
        "dominant": "colour",
        "undecided": False,
        "effect": 0.9,
        "interval": (0.85, 0.95),
        "p_value": 0.01,
        "shares": {
            "colour": Estimate(value=0.954, low=0.9, high=0.99, images=200),
            "shape": Estimate(value=0.04, images=200),
            "size": Estimate(value=None, reason="no caption"),
        },
        "sentence": "The decisions follow the colour.",
        "reason": "",
        "next_steps": ["Add images."],
        "evidence": [],
        "controls": [],
    }
    return Verdict.model_validate(given | changes)


def document(*verdicts: Verdict) -> AuditDocument:
    return AuditDocument(
        created="2026-01-01T00:00:00Z",
        title="",
        encoder="embedded:clip-resnet",
        groups={},
        images={"used": 197, "failed": 3, "probe": 400},
        notes=["3 hidden files were left out"],
        settings={},
        versions={},
        hashes={},
        verdicts=list(verdicts),
        details=[],
    )


@pytest.fixture
def printed(capsys):
    def lines(*verdicts):
        show_summary(document(*verdicts), Path("out/report.html"))
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    return lines


def test_a_verdict_comes_with_shares_and_intervals(printed):
    assert printed(verdict()) == [
        "biased: colour",
        "The decisions follow the colour.",
        "group share p 95 % interval",
        "colour 95 % – 90 % to 99 %",
        "shape 4 % –",
        "size – – no caption",
        "",
        "images 197 used, 3 failed, 400 probe",
        "note 3 hidden files were left out",
        "report out/report.html",
    ]


def test_the_costliest_concept_and_what_changed_are_told(capsys):
    biased = documents.biased_document()
    show_summary(with_baseline(biased, biased), Path("report.html"))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    (field,) = [line for line in lines if line.startswith("field:")]
    assert "colour came with every class alike" in field
    start = lines.index("since the audit of 2026-11-20T09:30:00+00:00")
    assert lines[start + 1 : start + 7] == [
        "biased.safetensors: still colour",
        "figure then now difference",
        "share of colour 86 % 86 % no change",
        "share of shape 3 % 3 % no change",
        "accuracy 100 % 100 % no change",
        "loss if colour parts 41 % 41 % no change",
    ]
    other = with_baseline(biased, biased.model_copy(update={"encoder": "other"}))
    show_summary(other, Path("report.html"))
    assert "  warning: The encoder is not the same" in capsys.readouterr().out


def test_every_model_has_its_verdict(printed):
    lines = printed(verdict(), verdict(model="cured", dominant="shape"))
    assert [line for line in lines if line.endswith((": colour", ": shape"))] == [
        "biased: colour",
        "cured: shape",
    ]


def test_an_undecided_verdict_says_what_to_do_next(printed):
    lines = printed(verdict(dominant=None, undecided=True))
    assert lines[0] == "biased: undecided"
    assert "next: Add images." in lines
    assert "next: Add images." not in printed(verdict())


def test_failing_controls_are_told_and_holding_ones_are_not(printed):
    controls = [
        Control(name="identity", expectation="no change", value=0.3, holds=False),
        Control(name="permuted", expectation="chance", value=0.1, holds=True),
        Control(name="untrained", expectation="little", value=0.1, holds=None),
    ]
    lines = printed(verdict(controls=controls))
    assert [line for line in lines if "control" in line] == [
        "control identity fails: expected no change"
    ]


def test_hostile_names_are_shown_as_they_are(printed):
    share = {"[red]\x1b[2J": Estimate(value=0.5)}
    lines = printed(verdict(model="<script>\u202e", dominant="[b]", shares=share))
    assert lines[0] == "<script>\\u202e: [b]"
    assert "[red]\\x1b[2J 50 % –" in lines
