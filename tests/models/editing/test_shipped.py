"""What ships is small, mends pictures that it never saw, and tells where it looked."""

from pathlib import Path

import pytest

from seewhy.data.editing.drawn import drawn_edits, edit_scenes
from seewhy.models.editing.decoding import DecodeOptions
from seewhy.models.editing.editor import load_editor
from seewhy.models.editing.storage import embedded_editors

COUNT, SEED = 60, 11
BYTES = 4 * 2**20
SHIPPED = Path(__file__).parents[3] / "src/seewhy/models/embedded"


@pytest.fixture(scope="module")
def asked():
    editor = load_editor("embedded:editor-tiny")
    scenes = list(edit_scenes(COUNT, seed=SEED, split="test"))
    records = list(drawn_edits(COUNT, seed=SEED, split="test"))
    return editor, editor.features_of([scene.image() for scene in scenes]), records


def edited(asked, seen=None, method="beam"):
    editor, features, records = asked
    captions = [" ".join(each.caption) for each in records]
    return editor.edit(seen or features, captions, options=DecodeOptions(method))


@pytest.mark.parametrize("name", embedded_editors())
def test_a_shipped_editor_is_whole_and_small(name):
    folder = SHIPPED / name
    files = {"card.md", "editor.json", "metrics.json", "model.safetensors", "vocabulary.json"}
    assert {file.name for file in folder.iterdir()} == files
    assert sum(file.stat().st_size for file in folder.iterdir()) < BYTES


def test_it_mends_captions_of_pictures_that_nobody_trained_on(asked):
    *_, records = asked
    right = [
        each.words in record.truths for each, record in zip(edited(asked), records, strict=True)
    ]
    before = [record.caption in record.truths for record in records]
    assert sum(right) >= 0.9 * COUNT > 2 * sum(before)


def test_it_needs_the_picture(asked):
    _, features, records = asked
    others = edited(asked, features[1:] + features[:1], "greedy")
    right = [each.words in record.truths for each, record in zip(others, records, strict=True)]
    assert sum(right) <= 0.1 * COUNT


def test_every_word_tells_where_it_looked(asked):
    rows, cols = asked[1][0].grid
    for each in edited(asked)[:5]:
        assert len(each.evidence) == len(each.words)
        for word in each.evidence:
            assert len(word.regions) == rows * cols
            assert sum(word.regions) == pytest.approx(1, abs=1e-4)
            assert 0 <= word.copied < len(each.read)
