"""The editor as users have it: captions in, edits out, none at the cost of another."""

import math
from dataclasses import replace

import pytest
import torch
from PIL import Image
from tests.models.editing.networks import SETTINGS, WORDS
from tests.models.editing.writers import Told

from seewhy.base.errors import UsageError
from seewhy.models.editing.alignment import edit_script
from seewhy.models.editing.building import build_networks
from seewhy.models.editing.config import editor_config
from seewhy.models.editing.decoding import DecodeOptions, decode
from seewhy.models.editing.editor import CaptionEditor, load_editor
from seewhy.models.editing.ensemble import Ensemble
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.identity import Identity
from seewhy.models.editing.storage import EditorParts, load_editor_parts, save_editor
from seewhy.models.editing.words import EditVocabulary
from seewhy.models.guard import fingerprint

VOCABULARY = EditVocabulary(
    ("a", "red", "blue", "green", "circle", "star", "is", "above", "below", "left", "right")
)
CAPTIONS = ["A red circle.", "is a blue blue star above", "green", "", "a zebra is red", "a " * 30]


def parts_of(*kinds, **changes):
    config = editor_config(
        **{
            "networks": [{**SETTINGS[kind], "words": WORDS, "dropout": 0.0} for kind in kinds],
            "source": {"kind": "file", "width": 5},
            "longest": 9,
        }
        | changes
    )
    return EditorParts(config, VOCABULARY, build_networks(config))


def editor_of(*kinds, spread=30.0, **changes):
    """Untrained; outputs are spread, as such networks write the same word for ever."""
    editor = CaptionEditor(parts_of(*kinds, **changes))
    networks = editor.network.networks if len(kinds) > 1 else [editor.network]
    with torch.no_grad():
        for network in networks:
            network.output.weight.mul_(spread)
    return editor


class Instead(CaptionEditor):
    """With another network, of the same words."""

    def __init__(self, network, **changes):
        super().__init__(parts_of("dcnet", **changes))
        self._module = network


def features(count, *, seed=0, regions=3):
    generator = torch.Generator().manual_seed(seed)
    return [ImageFeatures(torch.randn(regions, 5, generator=generator)) for _ in range(count)]


@pytest.fixture(scope="module")
def editor():
    return editor_of("editnet", "dcnet")


def test_the_memory_is_that_of_the_word_with_most_attention():
    for edit in editor_of("editnet").edit(features(6), CAPTIONS):
        for each in edit.evidence:
            assert each.copied == max(range(len(edit.read)), key=each.source.__getitem__)


def test_an_edit_says_all_of_itself(editor):
    options = DecodeOptions(beams=3, n_best=3)
    edits = editor.edit(features(6), CAPTIONS, options=options)
    assert len(edits) == len(CAPTIONS)
    for edit, caption in zip(edits, CAPTIONS, strict=True):
        assert edit.operations == edit_script(edit.original, edit.words)
        assert edit.changed is (edit.words != edit.original)
        assert edit.text == (" ".join(edit.words) if edit.changed else caption)
        assert len(edit.evidence) == len(edit.words)
        for each in edit.evidence:
            assert 0 < each.probability <= 1
            assert len(each.source) == len(edit.read)
            assert sum(each.source) == pytest.approx(1, abs=1e-5)
            assert len(each.regions) == 3
            assert 0 <= each.copied < len(edit.read)
            assert 0 < each.copy_gate < 1
            assert 0 < each.context_gate < 1
            assert each.kept is None
        if edit.is_finished:
            assert len(edit.alternatives) == 2
            told = [edit.log_probability, *(each.log_probability for each in edit.alternatives)]
            assert told == sorted(told, reverse=True)
    assert sum(edit.changed for edit in edits) > 3


def test_what_one_network_reads_is_what_decoding_gives():
    editor = editor_of("editnet")
    images = features(2)
    inputs = editor.inputs(images, [("a", "red", "circle"), ("green",)])
    wanted = decode(editor.network, inputs, VOCABULARY)
    edits = editor.edit(images, ["a red circle", "green"])
    for edit, (each,) in zip(edits, wanted, strict=True):
        assert edit.words == VOCABULARY.decode(each.ids)
        assert edit.log_probability == pytest.approx(each.log_probability, abs=1e-5)


def test_each_caption_is_edited_as_if_alone(editor):
    images = features(6)
    images[2] = ImageFeatures(torch.randn(7, 5, generator=torch.Generator().manual_seed(9)))
    options = DecodeOptions(limit=6)
    together = editor.edit(images, CAPTIONS, options=options)
    alone = [
        editor.edit([image], [caption], options=options)[0]
        for image, caption in zip(images, CAPTIONS, strict=True)
    ]
    for mine, other in zip(together, alone, strict=True):
        assert mine.words == other.words
        assert mine.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        assert mine.notes == other.notes
    small = editor.edit(images, CAPTIONS, options=DecodeOptions(limit=6, batch=2))
    assert [each.words for each in small] == [each.words for each in together]


def test_odd_captions_are_read_with_a_note(editor):
    edits = editor.edit(features(6), CAPTIONS)
    assert [bool(edit.notes) and not edit.notes[0].startswith("cut") for edit in edits] == [
        *(False, False, False, True, False, True)
    ]
    assert edits[3].notes[0] == "an empty caption: read as one unknown word"
    assert edits[3].original == ()
    assert edits[3].read == ("<unk>",)
    assert edits[5].notes[0] == "clipped: of 30 words the first 9 were read"
    assert len(edits[5].read) == 9
    assert len(edits[5].original) == 30


def test_a_caption_that_the_limit_cuts_is_noted():
    endless = Told({(1,) * length: {1: 1.0} for length in range(9)}, size=WORDS)
    endless.tables = [endless.tables[0]] * WORDS
    (edit,) = Instead(endless).edit(features(1), ["red"], options=DecodeOptions(limit=4))
    assert edit.words == ("a",) * 4
    assert not edit.is_finished
    assert edit.notes == ("cut at the limit of 4 words",)


def test_who_changes_nothing_gives_back_the_text_as_it_was():
    editor = Instead(Identity(WORDS))
    texts = ["A red Circle!", "a zebra's star", "blue"]
    edits = editor.edit(features(3), texts, options=DecodeOptions(allows_unknown=True))
    assert [edit.text for edit in edits] == texts
    assert [edit.words for edit in edits] == [
        ("a", "red", "circle"),
        ("a", "zebras", "star"),
        ("blue",),
    ]
    for edit in edits:
        assert not edit.changed
        assert {each.kind for each in edit.operations} == {"keep"}
        assert edit.log_probability == 0
        assert [each.copied for each in edit.evidence] == list(range(len(edit.words)))


class Stepwise(Told):
    """Turns a caption of one word into the next word of the vocabulary, up to the last."""

    def __init__(self, last):
        ids = range(WORDS)
        super().__init__(*({(): {min(each + 1, last): 1.0}} for each in ids), size=WORDS)


def test_rounds_go_on_from_what_was_written_until_nothing_changes():
    editor = Instead(Stepwise(4))
    captions = ["a", "green"]
    for rounds, words in ((1, ("red", "green")), (2, ("blue", "green")), (9, ("green", "green"))):
        edits = editor.edit(features(2), captions, iterations=rounds)
        assert tuple(edit.text for edit in edits) == words
    assert len(editor.network.calls) < 20
    first, second = edits
    # The evidence is that of the last round that changed anything.
    assert first.original == ("a",)
    assert first.read == ("blue",)
    assert [(each.kind, each.old, each.new) for each in first.operations] == [
        ("replace", "a", "green")
    ]
    assert not second.changed


def test_probabilities_of_a_known_network():
    network = Told({(): {2: 0.75, 3: 0.25}, (2,): {5: 0.6, 6: 0.4}}, size=WORDS)
    network.tables = [network.tables[0]] * WORDS
    (edit,) = Instead(network).edit(
        features(1), ["a red star"], options=DecodeOptions(beams=4, n_best=3)
    )
    assert edit.text == "red circle"
    assert [each.probability for each in edit.evidence] == pytest.approx([0.75, 0.6])
    assert edit.log_probability == pytest.approx(math.log(0.45))
    assert [(each.text, each.words) for each in edit.alternatives] == [
        ("red star", ("red", "star")),
        ("blue", ("blue",)),
    ]
    assert [each.kind for each in edit.operations] == ["delete", "keep", "replace"]


def test_an_editor_comes_from_its_folder_and_is_not_changed_by_editing(tmp_path):
    save_editor(tmp_path, parts_of("editnet", "dcnet", "look-modify", weights=(1.0, 2.0, 1.0)))
    editor = load_editor(tmp_path)
    assert isinstance(editor.network, Ensemble)
    assert editor.network.log_weights.exp().tolist() == pytest.approx([0.25, 0.5, 0.25])
    before = fingerprint(editor.network)
    inputs = editor.inputs(features(1), [("a", "red", "star")])
    wanted = decode(
        Ensemble(load_editor_parts(tmp_path).networks, (1.0, 2.0, 1.0)), inputs, VOCABULARY
    )
    (edit,) = editor.edit(features(1), ["a red star"])
    assert fingerprint(editor.network) == before
    assert edit.log_probability == pytest.approx(wanted[0][0].log_probability, abs=1e-5)
    assert editor.to("cpu").device == torch.device("cpu")


def test_features_in_half_precision_are_read():
    editor = editor_of("editnet")
    images = features(2)
    halves = [replace(each, regions=each.regions.half()) for each in images]
    rounded = [replace(each, regions=each.regions.float()) for each in halves]
    captions = ["red", "a star"]
    assert editor.edit(halves, captions) == editor.edit(rounded, captions)


def test_nothing_is_edited_to_nothing(editor):
    assert editor.edit([], []) == ()


def test_features_come_from_the_given_source_or_the_configured_one():
    class Source:
        width = 5

        def features(self, images, boxes=None):
            assert boxes is None
            return features(len(images), seed=3)

        def to(self, device):
            self.device = device

    images = [Image.new("RGB", (8, 8))] * 2
    given = CaptionEditor(parts_of("editnet"), source=Source())
    assert len(given.features_of(images)) == 2
    assert given.to("cpu").source.device == "cpu"
    with pytest.raises(UsageError, match="reads features from a file, but 2 images came"):
        CaptionEditor(parts_of("editnet")).features_of(images)


@pytest.mark.parametrize(
    ("images", "captions", "more", "told"),
    [
        (features(2), ["red"], {}, "1 captions came with features of 2 images"),
        (features(1), ["red"], {"iterations": 0}, "iterations is 0"),
        (
            [ImageFeatures(torch.zeros(2, 4))],
            ["red"],
            {},
            "4 channels came to an editor that reads 5",
        ),
    ],
)
def test_what_cannot_be_edited(editor, images, captions, more, told):
    with pytest.raises(UsageError, match=told):
        editor.edit(images, captions, **more)


def test_an_editor_of_given_sentences_refuses_captions():
    settings = SETTINGS["look-modify"] | {"words": WORDS, "sentence": "given"}
    editor = CaptionEditor(parts_of("look-modify", networks=[settings]))
    with pytest.raises(UsageError, match="embedding of each caption from outside"):
        editor.edit(features(1), ["red"])


def test_a_network_that_does_not_look_needs_no_width_of_features():
    editor = editor_of("dcnet")
    with torch.no_grad():
        editor.network.output.bias[-1] -= 50
    (edit,) = editor.edit([ImageFeatures(torch.zeros(1, 2))], ["a red star"])
    assert edit.evidence[0].regions is None
    assert edit.evidence[0].source is not None


def test_look_and_modify_tells_how_much_it_kept():
    editor = editor_of("look-modify")
    with torch.no_grad():
        editor.network.output.bias[-1] -= 50
    (edit,) = editor.edit(features(1), ["a red star"], options=DecodeOptions(limit=3))
    assert len(edit.evidence) == 3
    assert all(0 < each.kept < 1 for each in edit.evidence)
    assert edit.evidence[0].source is None
