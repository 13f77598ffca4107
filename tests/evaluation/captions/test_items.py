import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.items import caption_items

ITEMS = caption_items(
    {2: "A cat.", "b": ""}, {"b": ["a dog"], 2: ["cats", "a cat"], 9: ["left out"]}
)


def test_ids_of_any_kind_keep_the_order_of_the_candidates():
    assert ITEMS.ids == (2, "b")
    assert ITEMS.candidates == (("a", "cat"), ())
    assert ITEMS.references == ((("cats",), ("a", "cat")), (("a", "dog"),))


def test_only_keeps_what_is_named():
    kept = ITEMS.only({"b", "unknown"})
    assert (kept.ids, kept.candidates, len(kept)) == (("b",), ((),), 1)
    assert ITEMS.only(ITEMS.ids) == ITEMS
    assert len(ITEMS.only(())) == 0


def test_texts_without_reference_are_named():
    with pytest.raises(UsageError, match=r"2 of 3 texts have no reference \(1, c\)"):
        caption_items({1: "a", "b": "b", "c": "c"}, {"b": ["b"], "c": []})
    with pytest.raises(UsageError, match="no text at all"):
        caption_items({}, {})
