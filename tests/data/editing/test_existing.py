import pytest
from PIL import Image
from tests.data.editing.golden import PARTS, STORED, toy_existing, toy_images, written

from seewhy.base.errors import UsageError
from seewhy.data.editing.existing import (
    caption_utilities,
    caption_words,
    edits_of,
    existing_document,
    plain_name,
    read_existing,
    read_utilities,
)
from seewhy.data.narration.entries import ImageFolder

GOOD = {"image_id": 7, "caption": "a dog", "file_name": "val2014\\a.jpg"}
IDS = {"a": 1, "dog": 2, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}


def read(folder, *entries):
    return read_existing(written(folder / "list.json", list(entries)))


@pytest.mark.parametrize(
    "path", ["val2014\\a b.jpg", "val2014/a b.jpg", "a b.jpg", "x\\y/z\\a b.jpg"]
)
def test_either_slash_parts_folders_from_the_name(path):
    assert plain_name(path) == "a b.jpg"


@pytest.mark.parametrize("part", PARTS)
def test_captions_are_prepared_as_published(part, tmp_path):
    found = caption_utilities(
        STORED[f"{PARTS[part]}_names"], toy_existing(tmp_path).by_name(), STORED["word_map"]
    )
    assert found == STORED[f"{PARTS[part]}_CAPUTIL"]


def test_prepared_captions_are_read_back(tmp_path):
    table = STORED["TRAIN_CAPUTIL"]
    found = read_utilities(written(tmp_path / "CAPUTIL_train.json", table)).by_name()
    assert list(found) == list(table)
    for name, entry in table.items():
        (length,) = entry["previous_caption_length"]
        assert list(found[name].ids) == entry["encoded_previous_caption"][:length]
        assert found[name].image_id == str(entry["image_ids"])
    assert caption_utilities(table, found, STORED["word_map"]) == table


def test_look_and_modify_stores_an_embedding_and_attributes(tmp_path):
    entry = STORED["VAL_CAPUTIL"]["COCO_val2014_000000000121.jpg"]
    entry = {**entry, "embedding": [0.5, -1.0], "attributes": [4, 2, 3, 1, 9]}
    (found,) = read_utilities(written(tmp_path / "c.json", {"a.jpg": entry})).captions
    assert found.sentence == (0.5, -1.0)
    assert found.attributes == (4, 2, 3, 1, 9)


@pytest.mark.parametrize(
    "change",
    [
        {"previous_caption_length": [0]},
        {"previous_caption_length": [19]},
        {"previous_caption_length": []},
        {"previous_caption_length": 3},
        {"encoded_previous_caption": [-1] * 18},
        {"encoded_previous_caption": []},
        {"caption": None},
        {"attributes": [1.5]},
    ],
)
def test_a_broken_prepared_caption_costs_no_other(change, tmp_path):
    table = dict(STORED["VAL_CAPUTIL"])
    first = next(iter(table))
    table[first] = {**table[first], **change}
    found = read_utilities(written(tmp_path / "c.json", table))
    assert [each.file_name for each in found.captions] == list(table)[1:]
    assert [(each.id, each.code) for each in found.failures] == [(first, "bad_entry")]


def test_a_longer_caption_is_cut_and_an_empty_one_is_one_unknown_word(tmp_path):
    found = read(
        tmp_path,
        {**GOOD, "caption": "a " * 30},
        {"image_id": 8, "caption": "  ", "file_name": "b.jpg"},
    )
    table = caption_utilities(["a.jpg", "b.jpg"], found.by_name(), IDS)
    assert table["a.jpg"]["encoded_previous_caption"] == [1] * 18
    assert table["a.jpg"]["previous_caption_length"] == [18]
    assert table["b.jpg"]["encoded_previous_caption"] == [3] + [0] * 17
    assert table["b.jpg"]["previous_caption_length"] == [1]


def test_a_list_is_written_as_it_was_read(tmp_path):
    entries = [GOOD, {"image_id": "x-01", "caption": "a cat"}, {**GOOD, "image_id": "007"}]
    assert existing_document(read(tmp_path, *entries).captions) == entries


def test_names_and_words_of_an_entry(tmp_path):
    one, other = read(tmp_path, GOOD, {"image_id": 9, "caption": "A dog, two."}).captions
    assert (one.file_name, one.path, one.words) == ("a.jpg", "val2014\\a.jpg", ("a", "dog"))
    assert (other.file_name, other.path, other.words) == (None, None, ("A", "dog,", "two."))


@pytest.mark.parametrize(
    "entry",
    [{"image_id": 8}, {**GOOD, "image_id": None}, {**GOOD, "caption": 3}, GOOD, None, "a dog"],
)
def test_a_broken_or_repeated_entry_costs_no_other(entry, tmp_path):
    found = read(tmp_path, GOOD, entry)
    assert [each.image_id for each in found.captions] == ["7"]
    assert [(each.id, each.code) for each in found.failures] == [("1", "bad_entry")]


@pytest.mark.parametrize("document", [{}, [], ["a dog"], 3])
def test_another_kind_of_file_is_refused(document, tmp_path):
    with pytest.raises(UsageError, match="caption"):
        read_existing(written(tmp_path / "list.json", document))


@pytest.mark.parametrize("document", [[], {}, {"a.jpg": "a dog"}])
def test_another_kind_of_prepared_file_is_refused(document, tmp_path):
    with pytest.raises(UsageError, match="caption"):
        read_utilities(written(tmp_path / "c.json", document))


def test_an_image_without_a_caption_cannot_be_prepared(tmp_path):
    with pytest.raises(UsageError, match=r"1 of 2 images .* 'b\.jpg'"):
        caption_utilities(["a.jpg", "b.jpg"], read(tmp_path, GOOD).by_name(), IDS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man, his dog and a T-shirt.", "a man his dog and a t-shirt"),
        ("the dog's   ball\n", "the dog's ball"),
        ("the dog\u2019s ball", "the dog's ball"),
        ("'quoted' -- words_here!", "quoted words here"),
        ("<unk> on a bus", "<unk> on a bus"),
        ("caf\u00e9 na\u00efve 3 \u72d7", "caf\u00e9 na\u00efve 3 \u72d7"),
        ("<script>alert(1)</script>", "script alert 1 script"),
        (" .,; ", ""),
    ],
)
def test_words_of_a_caption_that_anybody_wrote(text, words):
    assert caption_words(text) == tuple(words.split())


def test_records_join_images_with_their_captions(tmp_path):
    images, existing = toy_images(tmp_path), toy_existing(tmp_path).by_name()
    picture = tmp_path / "val2014" / "COCO_val2014_000000000121.jpg"
    picture.parent.mkdir()
    Image.new("RGB", (40, 30), "red").save(picture)
    found = edits_of(images.of("validation"), existing, folder=ImageFolder(tmp_path))
    first = found.records[0]
    assert first.id == "COCO_val2014_000000000121.jpg"
    assert first.caption == ("big", "dog", "a")
    assert len(first.truths) == 6
    assert first.truth == first.truths[0]
    assert first.read().size == (40, 30)
    assert not found.failures


def test_an_image_without_a_caption_is_a_failure_and_costs_no_other(tmp_path):
    images, existing = toy_images(tmp_path).of("test"), toy_existing(tmp_path).by_name()
    del existing[images[0].file_name]
    found = edits_of(images, existing)
    assert [each.id for each in found.records] == [images[1].file_name]
    assert [(each.id, each.code) for each in found.failures] == [(images[0].file_name, "missing")]
    assert found.records[0].read is None
