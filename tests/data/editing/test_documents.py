import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.data.editing.golden import STORED, toy_images, written

from seewhy.base.errors import UsageError
from seewhy.data.editing.documents import (
    document_frequencies,
    read_document_frequencies,
    runs_of,
)
from seewhy.data.editing.karpathy import CaptionedImage

IDS = {"a": 1, "dog": 2, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}


@pytest.mark.parametrize(("over", "key"), [("words", "df_words"), ("ids", "df_idxs")])
def test_frequencies_are_the_published_ones(over, key, tmp_path):
    found = document_frequencies(toy_images(tmp_path).of("train"), STORED["word_map"], over=over)
    assert found.document() == STORED[key]


def test_an_image_counts_once_however_often_it_says_a_word():
    images = [
        CaptionedImage("1", "a.jpg", "", "train", (("a", "dog", "dog"), ("dog",))),
        CaptionedImage("2", "b.jpg", "", "train", (("a", "bird"),)),
    ]
    found = document_frequencies(images, IDS, over="ids")
    assert found.images == 2
    assert found.counts[(2,)] == 1
    assert found.counts[(1,)] == 2
    assert found.counts[(1, 3, 0)] == 1
    assert (1, 2, 2, 0) in found.counts
    assert (0,) in found.counts
    named = document_frequencies(images, IDS, over="words")
    assert named.counts[("a", "<unk>", "<end>")] == 1
    assert ("bird",) not in named.counts


@given(lists(integers(0, 3), max_size=9))
def test_runs_are_all_neighbours_of_up_to_four(sequence):
    slow = set()
    for start in range(len(sequence)):
        for end in range(start + 1, min(start + 4, len(sequence)) + 1):
            slow.add(tuple(sequence[start:end]))
    assert runs_of(sequence) == slow


@pytest.mark.parametrize(("over", "key"), [("words", "df_words"), ("ids", "df_idxs")])
def test_a_table_is_read_back(over, key, tmp_path):
    found = read_document_frequencies(written(tmp_path / "df.json", STORED[key]), over=over)
    assert found.document() == STORED[key]
    assert found.images == STORED[key]["ref_len"]
    assert all(isinstance(count, int) for count in found.counts.values())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"document_frequency": []},
        {"document_frequency": {"1": 2}},
        {"document_frequency": {"1": -2}, "ref_len": 3},
        {"document_frequency": {"1": 2.5}, "ref_len": 3},
        {"document_frequency": {"1": "2"}, "ref_len": 3},
        {"document_frequency": {"1": True}, "ref_len": 3},
        {"document_frequency": {"a dog": 2}, "ref_len": 3},
        {"document_frequency": {"1": 2}, "ref_len": None},
    ],
)
def test_another_table_is_refused(document, tmp_path):
    with pytest.raises(UsageError, match=r"df\.json"):
        read_document_frequencies(written(tmp_path / "df.json", document), over="ids")


def test_no_image_is_refused():
    with pytest.raises(UsageError, match="no image"):
        document_frequencies([], IDS, over="ids")
