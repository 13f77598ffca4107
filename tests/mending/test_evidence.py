import numpy as np
import pytest
import torch

from seewhy.mending.evidence import edit_evidence, mean_look, pixel_box, script_word
from seewhy.models.editing.alignment import edit_script
from seewhy.models.editing.edits import Edit, WordEvidence
from seewhy.models.editing.features import ImageFeatures, grid_boxes

FEATURES = ImageFeatures(torch.zeros(4, 2), grid_boxes(2, 2), (2, 2))
READ = ("a", "green", "circle", "circle")
WORDS = ("a", "red", "circle")


def edit():
    evidence = (
        WordEvidence(0.9, (0.7, 0.1, 0.1, 0.1), 0, 0.5, 0.6, (0.25, 0.25, 0.25, 0.25), None),
        WordEvidence(0.8, (0.1, 0.2, 0.6, 0.1), 2, 0.4, 0.3, (0.0, 0.7, 0.1, 0.2), None),
        WordEvidence(0.5, (0.0, 0.0, 0.4, 0.6), 3, 0.2, 0.1, (0.9, 0.1, 0.0, 0.0), None),
    )
    script = edit_script(READ, WORDS)
    return Edit("a red circle", WORDS, -1.0, True, True, script, evidence, (), READ, READ)


def script():
    made = edit()
    return [script_word(each, made, FEATURES, size=(100, 60)) for each in made.operations]


def test_a_word_says_where_it_was_read_seen_and_remembered():
    red = next(each for each in script() if each.new == "red")
    assert (red.kind, red.old, red.probability) == ("replace", "green", 0.8)
    assert [(each.word, each.weight) for each in red.read] == [
        ("circle", 0.6), ("green", 0.2), ("a", 0.1),
    ]  # fmt: skip
    assert (red.memory.place, red.memory.word, red.memory.weight) == (2, "circle", 0.6)
    assert (red.copy_gate, red.context_gate, red.kept) == (0.4, 0.3, None)
    assert (red.seen[0].number, red.seen[0].box) == (1, (50, 0, 100, 30))


def test_a_deleted_word_has_no_evidence_of_its_own():
    gone = next(each for each in script() if each.kind == "delete")
    assert (gone.new, gone.probability, gone.read, gone.seen, gone.memory) == (
        None, None, [], [], None,
    )  # fmt: skip


def test_a_network_without_a_part_says_nothing_of_it():
    made = edit()
    bare = Edit(*[made.text, made.words, -1.0, True, True, made.operations],
                evidence=(WordEvidence(0.5),) * 3, original=READ, read=READ)  # fmt: skip
    found = script_word(made.operations[0], bare, FEATURES, size=(10, 10))
    assert (found.read, found.seen, found.memory) == ([], [], None)
    assert mean_look([0], made.operations, bare) is None


def test_an_edit_multiplies_probabilities_and_averages_looks():
    found = script()
    both = edit_evidence([1, 2], found, gain=1.5)
    assert (both.kind, both.old, both.new, both.script) == (
        "replace", "green circle", "red circle", [1, 2],
    )  # fmt: skip
    assert both.probability == pytest.approx(0.8 * 0.5)
    np.testing.assert_allclose(mean_look([1, 2], edit().operations, edit()), [0.45, 0.4, 0.05, 0.1])


def test_kinds_of_edits_follow_from_their_words():
    found = script()
    gone = next(place for place, each in enumerate(found) if each.kind == "delete")
    evidence = edit_evidence([gone], found, gain=None)
    assert (evidence.kind, evidence.new, evidence.probability) == ("delete", "", None)
    assert mean_look([gone], edit().operations, edit()) is None
    new = found[1].model_copy(update={"old": None, "kind": "insert"})
    assert edit_evidence([0], [new], gain=None).kind == "insert"


def test_boxes_have_at_least_one_pixel_inside_the_image():
    features = ImageFeatures(torch.zeros(2, 1), torch.tensor([[0.0, 0, 1, 1], [1.0, 1, 1, 1]]))
    assert pixel_box(features, 0, (7, 3)) == (0, 0, 7, 3)
    assert pixel_box(features, 1, (7, 3)) == (6, 2, 7, 3)
    assert pixel_box(ImageFeatures(torch.zeros(2, 1)), 0, (7, 3)) is None
