import pytest
from tests.mending.examples import BOX, editor, image, item, question

from seewhy.base.errors import DataError, UsageError
from seewhy.mending.asking import MendingQuestion, asked_mending, check_boxes
from seewhy.mending.mending import mend
from seewhy.mending.settings import MendingSettings
from seewhy.models.editing.config import EditorConfig
from seewhy.models.editing.editor import CaptionEditor
from seewhy.models.editing.sources import FileSource, FileSourceConfig
from seewhy.models.editing.storage import EditorParts


def mended(*items, kind="grid", network="editnet", **changes):
    images = [image(each.record.id.removesuffix(".png")) for each in items]
    return mend(question(kind, network, **changes), items, images)


def test_a_wrong_word_is_replaced_and_the_evidence_says_so():
    (found,) = mended(item("red", "a green circle"))
    assert found.edit.text == "a red circle"
    (edit,) = found.edits
    assert (edit.kind, edit.old, edit.new, edit.script) == ("replace", "green", "red", [1])
    assert edit.probability > 0.9
    assert edit.gain > 2
    assert found.looks[0].sum() == pytest.approx(1, abs=1e-5)
    word = found.script[1]
    assert word.seen[0].box == (0, 0, 32, 32)
    assert [each.word for each in word.read].count("circle") == 1
    assert word.copy_gate is not None


def test_each_kind_of_edit_has_its_gain():
    inserted, deleted, kept = mended(
        item("white", "a circle"), item("blue", "a blue blue circle"), item("red", "a red circle")
    )
    assert [(each.kind, each.new) for each in inserted.edits] == [("insert", "white")]
    assert [(each.kind, each.old) for each in deleted.edits] == [("delete", "blue")]
    assert deleted.looks == (None,)
    assert inserted.edits[0].gain > 0 < deleted.edits[0].gain
    assert (kept.edits, kept.edit.changed, kept.edit.text) == ((), False, "a red circle")


def test_what_the_editor_does_not_know_is_named_and_has_no_gain():
    (found,) = mended(item("red", "a red dog"))
    assert found.unknown == ("dog",)
    assert [(each.old, each.new, each.gain) for each in found.edits] == [("dog", "circle", None)]


def test_captions_beside_each_other_do_not_matter():
    items = [item("red", "a green circle"), item("white", "a circle"), item("blue", "a blue")]
    together = mended(*items)
    for each, own in zip(items, together, strict=True):
        (alone,) = mended(each)
        assert alone.edit.words == own.edit.words
        assert [one.gain for one in alone.edits] == pytest.approx(
            [one.gain for one in own.edits], abs=1e-4
        )


def test_without_undoing_nobody_is_asked_for_gains():
    (found,) = mended(item("red", "a green circle"), undoing=False)
    assert found.edits[0].gain is None


def test_other_networks_have_other_evidence():
    (modified,) = mended(item("red", "a green circle"), network="look-modify")
    assert modified.script[1].kept is not None
    assert (modified.script[1].read, modified.script[1].copy_gate) == ([], None)
    (blind,) = mended(item("red", "a green circle"), network="dcnet")
    assert blind.script[1].seen == []
    assert set(blind.looks) <= {None}


def test_an_empty_caption_and_no_caption_are_no_error():
    (found,) = mended(item("red", ""))
    assert {each.kind for each in found.script} == {"insert"}
    assert mend(question(), [], []) == []


def test_boxes_in_pixels_are_those_as_fractions():
    pixels = tuple(edge * 64 for edge in BOX)
    first = mended(item("red", boxes=(BOX,), is_relative=True), kind="boxes")
    second = mended(item("red", boxes=(pixels,)), kind="boxes")
    assert first[0].edits == second[0].edits
    assert first[0].script[1].seen[0].box == (3, 3, 29, 29)


@pytest.mark.parametrize(
    "boxes", [None, (), ((50.0, 50.0, 10.0, 10.0),), ((90.0, 0.0, 99.0, 64.0),)]
)
def test_an_image_without_a_box_is_a_failure_where_boxes_are_wanted(boxes):
    with pytest.raises(DataError) as error:
        mended(item("red", boxes=boxes), kind="boxes")
    assert error.value.code == "bad_entry"


def test_no_box_at_all_is_a_wrong_request():
    with pytest.raises(UsageError, match="looks at boxes"):
        check_boxes(question("boxes"), [item(), item("blue")])
    check_boxes(question("boxes"), [item(), item("blue", boxes=(BOX,))])
    check_boxes(question("grid"), [item()])


def test_an_editor_that_reads_files_is_refused():
    made = editor()
    width = FileSourceConfig(width=made.config.features)
    config = EditorConfig(networks=made.config.networks, source=width)
    source = FileSource(width)
    parts = EditorParts(config, made.vocabulary, (made.network,))
    with pytest.raises(UsageError, match=r"reads features of .* channels from a file"):
        asked_mending(CaptionEditor(parts, source=source), MendingSettings())


def test_the_digest_knows_what_decides_an_edit_and_nothing_else():
    asked = question()
    same = [{"figures": False}, {"words": "drawn", "least": 9, "bootstrap": 200, "batch_size": 1}]
    assert {question(**each).digest() for each in same} == {asked.digest()}
    others = [
        *({"beams": 2}, {"limit": 9}, {"no_repeat": 2}, {"alternatives": 0}, {"undoing": False}),
        *({"iterations": 2}, {"figures": True}),
    ]
    found = {question(**each).digest() for each in others}
    assert len(found | {asked.digest()}) == len(others) + 1
    assert question("boxes").digest() != asked.digest()


def test_beams_bound_what_can_be_named_beside():
    assert question(beams=1, alternatives=5).options.n_best == 1
    assert question(beams=1).options.method == "greedy"
    assert question(beams=4, alternatives=2).options.n_best == 3
    (found,) = mended(item(), beams=3, alternatives=2)
    assert len(found.edit.alternatives) == 2


def test_a_file_of_words_that_is_none_is_refused_before_any_image(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        asked_mending(editor(), MendingSettings(words=str(tmp_path / "none.json")))
    assert isinstance(asked_mending(editor(), MendingSettings()), MendingQuestion)
