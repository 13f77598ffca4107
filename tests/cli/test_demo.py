import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from seewhy.cli.main import run


@pytest.fixture
def library(monkeypatch):
    fake = Mock()
    monkeypatch.setitem(sys.modules, "seewhy.audit.demo", SimpleNamespace(run_demo=fake.run_demo))
    monkeypatch.setattr("seewhy.cli.demo.show_summary", fake.show_summary)
    return fake


@pytest.mark.parametrize(
    ("options", "seed", "output", "images"),
    [
        ([], 0, "seewhy-demo", "field"),
        (["--seed", "5", "--output", "here", "--images", "dev"], 5, "here", "development"),
        (["--images", "field"], 0, "seewhy-demo", "field"),
    ],
)
def test_the_demo_is_run_as_asked_and_summed_up(library, options, seed, output, images):
    assert run(["demo", *options]) == 0
    library.run_demo.assert_called_once_with(
        seed=seed, output=Path(output), images=images, progress=sys.stderr.isatty()
    )
    document = library.run_demo.return_value.document
    library.show_summary.assert_called_once_with(document, Path(output) / "report.html")
