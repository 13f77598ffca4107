import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.data.editing.golden import PARTS, STORED, toy_images

from seewhy.base.errors import UsageError
from seewhy.data.editing.karpathy import CaptionedImage
from seewhy.data.editing.word_maps import (
    LOOK_MODIFY,
    SHOW_EDIT_TELL,
    CaptionShape,
    prepared_captions,
    word_ids,
    word_map,
)

STORED_IDS = STORED["word_map"]


def image(*captions, split="train", name="a.jpg"):
    return CaptionedImage(name, name, "", split, tuple(tuple(each.split()) for each in captions))


def test_the_published_word_map_counts_every_split(tmp_path):
    found = word_map(toy_images(tmp_path).images, counted="all")
    assert found == STORED_IDS
    assert list(found) == list(STORED_IDS)


def test_words_of_other_splits_are_not_counted_by_default(tmp_path):
    images = toy_images(tmp_path).images
    training = [each for each in images if each.part == "train"]
    found = word_map(images)
    assert found == word_map(training, counted="all")
    assert found != STORED_IDS


def test_a_word_that_is_too_rare_has_no_id():
    images = [image("a dog", "a dog", "a cat"), image("a cat a cat", split="test")]
    ids = word_map(images, least=2)
    assert ids == {"a": 1, "dog": 2, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}
    assert word_map(images, least=2, counted="all")["cat"] == 3
    assert word_map(images, least=2, more=[("cat", "bird")])["cat"] == 3


def test_words_written_like_special_ones_get_no_id_of_their_own():
    ids = word_map([image("a <end> <pad> <unk> dog")], least=1)
    assert ids == {"a": 1, "dog": 2, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}
    assert word_ids(["a", "<end>", "<start>", "<pad>", "bird", "dog"], ids) == [1, 3, 3, 3, 3, 2]


@pytest.mark.parametrize("images", [[], [image("a dog", split="val")]])
def test_no_word_is_refused(images):
    with pytest.raises(UsageError, match="no word occurs"):
        word_map(images, least=1)


@pytest.mark.parametrize("part", PARTS)
def test_captions_are_prepared_as_published(part, tmp_path):
    found = prepared_captions(toy_images(tmp_path).of(part), STORED_IDS, shape=SHOW_EDIT_TELL)
    assert_array_equal(found.ids, STORED[f"{PARTS[part]}_CAPTIONS"])
    assert_array_equal(found.lengths, STORED[f"{PARTS[part]}_CAPLENS"])
    assert len(found.ids) == found.per_image * len(found.images)


def test_longer_captions_are_clipped_or_dropped_as_asked():
    images = [image("a a a a", "a"), image("a a a", name="b.jpg")]
    ids = {"a": 1, "<unk>": 2, "<start>": 3, "<end>": 4, "<pad>": 0}
    clipped = prepared_captions(images, ids, shape=CaptionShape(2, "clipped"), per_image=2)
    assert_array_equal(clipped.ids, [[3, 1, 1, 4], [3, 1, 4, 0], [3, 1, 1, 4], [3, 1, 1, 4]])
    dropped = prepared_captions(images, ids, shape=CaptionShape(2, "dropped"), per_image=2)
    assert_array_equal(dropped.ids, [[3, 1, 4, 0], [3, 1, 4, 0]])
    assert_array_equal(dropped.lengths, [3, 3])
    assert [each.file_name for each in dropped.images] == ["a.jpg"]


def test_the_two_publications_keep_captions_of_other_lengths():
    words = [image(" ".join(["a"] * 51), "a b")]
    ids = {"a": 1, "b": 2, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}
    assert prepared_captions(words, ids).ids.shape == (5, 20)
    found = prepared_captions(words, ids, shape=LOOK_MODIFY)
    assert found.ids.shape == (5, 52)
    assert set(found.lengths.tolist()) == {4}


def test_captions_are_drawn_without_repeating_where_there_are_enough():
    ids = {f"w{number}": number for number in range(1, 9)}
    ids |= {"<unk>": 9, "<start>": 10, "<end>": 11, "<pad>": 0}
    many, few = image(*(f"w{number}" for number in range(1, 9))), image("w1", "w2")
    firsts = set()
    for seed in range(20):
        chance = np.random.default_rng(seed)
        chosen = prepared_captions([many], ids, chance=chance).ids[:, 1]
        assert len(set(chosen.tolist())) == 5
        firsts.add(tuple(chosen.tolist()))
        again = prepared_captions([few], ids, chance=chance).ids[:, 1].tolist()
        assert again[:2] == [1, 2]
        assert set(again) == {1, 2}
    assert len(firsts) > 10
    first = prepared_captions([many], ids, chance=np.random.default_rng(3))
    assert_array_equal(
        first.ids, prepared_captions([many], ids, chance=np.random.default_rng(3)).ids
    )


def test_no_image_gives_no_rows():
    ids = {"a": 1, "<unk>": 2, "<start>": 3, "<end>": 4, "<pad>": 0}
    assert prepared_captions([], ids).ids.shape == (0, 20)
