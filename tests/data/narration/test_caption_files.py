from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.narration.files import image_folder, written

from seewhy.base.errors import UsageError
from seewhy.data.narration.caption_files import caption_documents, read_caption_corpus

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
paths = st.text("abc/_", min_size=1, max_size=8).filter(lambda path: path[0] != "/")


def read(folder, names, captions=None):
    lists = [written(folder, names, "images.json")]
    if captions is not None:
        lists.append(written(folder, captions, "captions.json"))
    return read_caption_corpus(*lists, images=image_folder())


@settings(max_examples=30)
@given(st.lists(st.tuples(paths, texts), max_size=4))
def test_both_lists_are_written_as_they_were_read(pairs):
    names, captions = [name for name, _ in pairs], [text for _, text in pairs]
    with TemporaryDirectory() as folder:
        records = read(Path(folder), names, captions).records
    assert caption_documents(records) == (names, captions)


def test_images_alone_are_records_without_a_caption(tmp_path):
    records = read(tmp_path, ["a.jpg", "b.jpg"]).records
    assert [record.images for record in records] == [("a.jpg",), ("b.jpg",)]
    assert all(record.explanations == () for record in records)


def test_one_bad_pair_costs_no_other(tmp_path):
    source = read(tmp_path, ["a.jpg", 3, "../c.jpg", "d.jpg"], ["a", "b", "c", None])
    assert [record.id for record in source.records] == ["0"]
    assert [(each.id, each.code) for each in source.failures] == [
        ("1", "bad_entry"), ("2", "outside"), ("3", "bad_entry"),
    ]  # fmt: skip


def test_lists_of_two_lengths_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"lists 2 images, .* 1 captions"):
        read(tmp_path, ["a.jpg", "b.jpg"], ["a"])
