import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from tests.audit import documents

from seewhy.audit.result import AuditResult
from seewhy.audit.settings import AuditSettings
from seewhy.base.errors import DataError, UsageError
from seewhy.cli.audit import class_names
from seewhy.cli.main import run
from seewhy.data.images import ReadPolicy
from seewhy.passes.shards import Part
from seewhy.passes.store import Store
from seewhy.results.explanation import Explanation

WHAT = ["--data", "photos", "--captions", "concepts.yaml"]


@pytest.fixture
def library(monkeypatch):
    """Stands in for the library; keeps what it was asked."""
    fake = Mock()
    fake.audit.return_value.document = documents.biased_document()
    fake.load_model.side_effect = lambda name, **options: (name, options)
    monkeypatch.setitem(sys.modules, "seewhy.audit.run", SimpleNamespace(audit=fake.audit))
    monkeypatch.setitem(
        sys.modules, "seewhy.models.load", SimpleNamespace(load_model=fake.load_model)
    )
    monkeypatch.setitem(
        sys.modules, "seewhy.data.sources", SimpleNamespace(open_source=fake.open_source)
    )
    monkeypatch.setattr("seewhy.cli.audit.show_summary", fake.show_summary)
    return fake


@pytest.fixture
def asked(library, tmp_path):
    """Runs the command and returns what `seewhy.audit` was given."""

    def call(*options):
        line = ["audit", *WHAT, "--output", str(tmp_path / "out"), *options]
        assert run(line) == 0
        return library.audit.call_args

    return call


def test_what_is_not_said_is_as_in_the_library(asked, tmp_path):
    call = asked("--model", "timm:resnet18")
    assert call.args == (["timm:resnet18"], "photos", Path("concepts.yaml"))
    assert call.kwargs["encoder"] == "embedded:clip-resnet"
    assert call.kwargs["probe"] is None
    settings = call.kwargs["settings"]
    assert settings.parts == tmp_path / "out" / "parts"
    assert settings.model_copy(update={"parts": None}) == AuditSettings(
        progress=sys.stderr.isatty()
    )


def test_what_is_said_arrives(asked):
    options = (
        "--model a --encoder open_clip:RN50/openai --probe other --protocol paper --seed 7 "
        "--batch-size 3 --device cpu --bootstrap 200 --controls 5 --max-failures 0.5 "
        "--tolerate-truncated --allow-download --memory 2.5GB --approximate bf16 "
        "--shard-images 9 --workers 2 --engine ray --address host:1"
    )
    call = asked(*options.split())
    assert call.kwargs["encoder"] == "open_clip:RN50/openai"
    assert call.kwargs["probe"] == "other"
    settings = call.kwargs["settings"].model_dump(exclude={"progress"})
    expected = {
        "protocol": "paper",
        "seed": 7,
        "batch_size": 3,
        "device": "cpu",
        "bootstrap": 200,
        "controls": 5,
        "max_failures": 0.5,
        "tolerate_truncated": True,
        "allow_download": True,
        "memory": 2_500_000_000,
        "approximate": "bf16",
        "shard_images": 9,
        "workers": 2,
        "engine": "ray",
        "address": "host:1",
    }
    assert {name: settings[name] for name in expected} == expected


@pytest.mark.parametrize(
    "options", [["--model", "a", "--model", "b"], ["--compare", "a", "b"]], ids=["model", "compare"]
)
def test_models_are_compared_in_either_way(asked, options):
    assert asked(*options).args[0] == ["a", "b"]


@pytest.mark.parametrize("options", [[], ["--model", "a", "--compare", "b", "c"]])
def test_one_way_of_naming_models_is_needed(library, capsys, options):
    assert run(["audit", *WHAT, "--output", "out", *options]) == 2
    assert "--compare NAME NAME" in capsys.readouterr().err
    library.audit.assert_not_called()


def test_named_classes_go_to_the_models(asked):
    (loaded,) = asked("--model", "a", "--classes", "five, eight", "--allow-download").args[0]
    assert loaded == (
        "a",
        {"classes": ("five", "eight"), "device": "auto", "allow_download": True},
    )


def test_a_label_column_goes_to_the_source(asked, library):
    options = ("--label-column", "digit", "--tolerate-truncated")
    data = asked("--model", "a", *options).args[1]
    library.open_source.assert_called_once_with(
        "photos", label_column="digit", policy=ReadPolicy(tolerate_truncated=True)
    )
    assert data is library.open_source.return_value


def test_the_result_is_saved_then_summed_up_then_checked(asked, library, tmp_path):
    asked("--model", "a", "--max-failures", "0.25")
    result = library.audit.return_value
    assert [call[0] for call in library.mock_calls] == [
        "audit",
        "audit().save",
        "show_summary",
        "audit().check",
    ]
    result.save.assert_called_once_with(tmp_path / "out")
    library.show_summary.assert_called_once_with(result.document, result.save.return_value)
    result.check.assert_called_once_with(max_failures=0.25)


@pytest.fixture
def gated(library, tmp_path, monkeypatch):
    """Runs the command with conditions, on a biased model's audit; returns its exit code."""
    monkeypatch.setattr("seewhy.audit.result.write_figures", lambda _document, _home: [])
    captions = tmp_path / "concepts.yaml"
    captions.write_text("{colour: {red: [red], green: [green]}, shape: {5: [five], 8: [eight]}}")
    library.audit.return_value = result = AuditResult(
        documents.biased_document(), [], [], Mock(spec=Explanation)
    )
    out = tmp_path / "out"
    what = ["--data", "photos", "--captions", str(captions), "--output", str(out), "--model", "a"]

    def call(*options):
        return run(["audit", *what, *options]), out

    assert result.verdict.dominant == "colour"
    return call


def test_a_tripped_gate_is_exit_code_4_after_all_is_written(gated):
    code, out = gated("--fail-on", "shape>0.3", "--fail-on", "colour>0.3")
    assert code == 4
    assert {"junit.xml", "audit.json", "report.html"} <= {path.name for path in out.iterdir()}
    code, _ = gated("--fail-on", "shape>0.3", "--junit", str(out / "other.xml"))
    assert code == 0
    assert (out / "other.xml").is_file()


def test_unusable_data_goes_before_a_tripped_gate(gated, library, monkeypatch):
    def check(_result, *, max_failures):
        raise DataError("too_many_failures", "5 of 9 images")

    monkeypatch.setattr(AuditResult, "check", check)
    assert gated("--fail-on", "colour>0.3")[0] == 3


@pytest.mark.parametrize(
    "options",
    [["--fail-on", "size>0.3"], ["--fail-on", "colour"], ["--junit", "x.xml"], ["--baseline", "x"]],
)
def test_impossible_gates_are_refused_before_any_work(gated, library, options):
    assert gated(*options)[0] == 2
    library.audit.assert_not_called()


def test_an_earlier_audit_is_compared_with_before_it_is_overwritten(gated, library):
    code, out = gated()
    assert code == 0
    assert json.loads((out / "audit.json").read_text())["baseline"] is None
    assert gated("--baseline", str(out))[0] == 0
    (change,) = json.loads((out / "audit.json").read_text())["baseline"]["models"]
    assert change["shares"]["colour"]["difference"] == 0
    (document, _) = library.show_summary.call_args.args
    assert document.baseline is not None


def test_too_many_failures_are_an_exit_code_after_all_is_saved(library, tmp_path, capsys):
    result = library.audit.return_value
    result.check.side_effect = DataError("too_many_failures", "5 of 9 images")
    line = ["audit", *WHAT, "--output", str(tmp_path / "out"), "--model", "a"]
    assert run(line) == 3
    result.save.assert_called_once()
    assert "5 of 9 images" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--seed", "-1"],
        ["--batch-size", "0"],
        ["--bootstrap", "99"],
        ["--controls", "2"],
        ["--max-failures", "1.5"],
        ["--protocol", "mine"],
        ["--device", "tpu"],
    ],
)
def test_impossible_settings_are_refused_before_any_work(library, options):
    assert run(["audit", *WHAT, "--output", "out", "--model", "a", *options]) == 2
    library.audit.assert_not_called()


def test_an_output_that_is_a_file_is_refused_before_any_work(library, tmp_path):
    path = tmp_path / "taken"
    path.write_text("")
    assert run(["audit", *WHAT, "--output", str(path), "--model", "a"]) == 2
    library.audit.assert_not_called()


def test_class_names_come_from_a_line_or_a_file(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("\ufefftench, fish\ngoldfish\n", encoding="utf-8")
    assert class_names(str(path)) == ("tench, fish", "goldfish")
    assert class_names(" five,eight ") == ("five", "eight")


@pytest.mark.parametrize("text", ["five,", "five,five", "", "five,,eight"])
def test_empty_and_double_class_names_are_refused(text):
    with pytest.raises(UsageError, match="--classes gives"):
        class_names(text)


def test_a_memory_that_is_no_size_is_refused(library, tmp_path, capsys):
    line = ["audit", *WHAT, "--model", "a", "--output", str(tmp_path), "--memory", "much"]
    assert run(line) == 2
    assert "--memory 'much' is no size" in capsys.readouterr().err


def test_an_interrupted_audit_goes_on_only_as_it_was(library, tmp_path, capsys):
    def stop(*_arguments, settings, **_options):
        Store(settings.parts).save("0" * 64, Part({}, {}))
        raise DataError("all_failed", "nothing could be read")

    library.audit.side_effect = stop
    line = ["audit", *WHAT, "--model", "a", "--output", str(tmp_path)]
    assert run(line) == 3
    library.audit.side_effect = None
    assert run([*line, "--resume", "--seed", "5"]) == 2
    assert "seed: 0 then, 5 now" in capsys.readouterr().err
    assert run([*line, "--resume"]) == 0
    assert not (tmp_path / "parts").exists()
