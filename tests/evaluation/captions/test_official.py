"""The bridge is tested with a stand-in for pycocoevalcap, which needs Java."""

import shutil
import sys
from types import ModuleType

import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.items import Items
from seewhy.evaluation.captions.official import official_names, official_score

ITEMS = Items(("b", "a"), (("a", "cat"), ()), ((("a", "dog"), ("cats",)), (("x",),)))


class Lengths:
    """Scores a text by its letters, so that order and joining show."""

    def compute_score(self, references, candidates):
        assert list(references) == list(candidates) == sorted(candidates)
        assert list(references.values()) == [["a dog", "cats"], ["x"]]
        scores = [float(len(text)) for (text,) in candidates.values()]
        return 0.5, self.shaped(scores)

    def shaped(self, scores):
        return scores


class Nested(Lengths):
    def shaped(self, scores):
        return [{"All": {"f": score}} for score in scores]


@pytest.fixture
def bridged(monkeypatch):
    for name, kind in {"meteor": Lengths, "spice": Nested}.items():
        module = ModuleType(f"pycocoevalcap.{name}.{name}")
        setattr(module, name.capitalize(), kind)
        for path in ("pycocoevalcap", f"pycocoevalcap.{name}"):
            monkeypatch.setitem(sys.modules, path, ModuleType(path))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/java")


@pytest.mark.parametrize("name", ["METEOR", "SPICE"])
def test_scores_keep_the_order_of_the_items(bridged, name):
    found = official_score(ITEMS, name)
    assert (found.value, found.each.tolist()) == (0.5, [5, 0])


def test_no_java_is_said(bridged, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="METEOR needs Java"):
        official_score(ITEMS, "METEOR")


@pytest.mark.parametrize("name", ["METEOR", "SPICE"])
def test_no_package_is_said(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    with pytest.raises(UsageError, match=rf"{name} needs pycocoevalcap.*seewhy\[captions\]"):
        official_score(ITEMS, name)


def test_names_are_checked():
    assert official_names(["SPICE", "METEOR", "SPICE"]) == ("METEOR", "SPICE")
    assert official_names([]) == ()
    with pytest.raises(UsageError, match="no official program 'rouge'"):
        official_names(["METEOR", "rouge"])
