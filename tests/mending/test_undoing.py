import pytest
import torch
from hypothesis import given
from hypothesis.strategies import lists, sampled_from
from tests.mending.examples import editor, image

from seewhy.mending.undoing import edit_runs, log_probabilities, undone_words
from seewhy.models.editing.alignment import edit_script
from seewhy.models.editing.decoding import DecodeOptions

words = lists(sampled_from("abc"), max_size=6)


def runs(old, new):
    script = edit_script(old.split(), new.split())
    return [" ".join(script[place].kind[0] for place in run) for run in edit_runs(script)]


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("a b", "a b", []),
        ("a red dog", "a blue cat", ["r", "r"]),
        ("is left of b", "is above b", ["r d"]),
        ("is above b", "is left of b", ["r i"]),
        ("a b c", "a c", ["d"]),
        ("a a a b", "a b", ["d d"]),
        ("b", "x b y", ["i", "i"]),
    ],
)
def test_edits_are_runs_with_one_replaced_word_at_most(old, new, kinds):
    assert runs(old, new) == kinds


@given(old=words, new=words)
def test_runs_hold_each_change_once_and_undoing_all_gives_the_old_words(old, new):
    script = edit_script(old, new)
    found = edit_runs(script)
    changed = [place for place, each in enumerate(script) if each.kind != "keep"]
    assert [place for run in found for place in run] == changed
    assert undone_words(script, changed) == tuple(old)
    assert undone_words(script, ()) == tuple(new)


def test_undoing_one_edit_leaves_the_others():
    script = edit_script(["a", "green", "dog"], ["a", "red", "circle", "here"])
    assert [" ".join(undone_words(script, run)) for run in edit_runs(script)] == [
        "a green circle here",
        "a red dog",
    ]


@pytest.fixture
def asked():
    found = editor()
    features = found.features_of([image("red"), image("blue")])
    return found, features, found.inputs(features, [("a", "green", "circle"), ("a", "circle")])


def test_a_written_caption_has_the_probability_it_was_written_with(asked):
    found, features, inputs = asked
    edits = found.edit(features, ["a green circle", "a circle"], options=DecodeOptions())
    ids = [[found.vocabulary.encode(each.words)] for each in edits]
    again = log_probabilities(found.network, inputs, ids, found.vocabulary)
    expected = [[each.log_probability] for each in edits]
    torch.testing.assert_close(torch.tensor(again), torch.tensor(expected), atol=1e-4, rtol=0)


def test_captions_beside_each_other_do_not_matter(asked):
    found, features, inputs = asked
    vocabulary = found.vocabulary
    first = [vocabulary.encode(text.split()) for text in ("a red circle", "a", "", "a star circle")]
    second = [vocabulary.encode(["a", "circle"])]
    both = log_probabilities(found.network, inputs, [first, second], vocabulary)
    assert [len(each) for each in both] == [4, 1]
    alone = [
        log_probabilities(found.network, found.inputs([features[0]], [("a", "green", "circle")]),
                          [[each]], vocabulary)[0][0]
        for each in first
    ]  # fmt: skip
    torch.testing.assert_close(torch.tensor(both[0]), torch.tensor(alone), atol=1e-5, rtol=1e-5)


def test_probabilities_of_all_one_word_captions_are_below_one_together(asked):
    found, _, inputs = asked
    every = [[number] for number in range(found.vocabulary.size)]
    values = log_probabilities(found.network, inputs, [every, [[]]], found.vocabulary)
    assert 0 < torch.tensor(values[0]).exp().sum() + torch.tensor(values[1]).exp().sum() < 2
    assert log_probabilities(found.network, inputs, [[], []], found.vocabulary) == [[], []]
