import pytest
from tests.evaluation.captions.golden import stored

from seewhy.evaluation.narration.parsing import Told, parse_narration


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("nlx-gpt", "explanation_after_last_because"),
        ("e-snli-ve", "explanation_after_first_because"),
    ],
)
def test_published_rules(rule, key):
    golden = stored("filter.json")
    for item in golden["generated"]:
        told = parse_narration(item["caption"], rule)
        name = str(item["image_id"])
        assert told == Told(golden["parsed_answer"][name], golden[key][name])


def test_uni_nlx_lowers_and_drops_one_full_stop():
    assert parse_narration("Yes because It Is. .", "uni-nlx") == Told("yes", "it is.")
    assert parse_narration("A dog is here.", "uni-nlx") == Told("a dog is here", "is here")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("yes because it is so because it is", Told("yes", "it is so because it is")),
        ("Yes, Because it is", Told("Yes,", "it is")),
        ("tennis there is a net", Told("tennis there is a net", "")),
        ("no because", Told("no", "")),
        ("because", Told("", "")),
        ("", Told("", "")),
        ("becauseness is a word", Told("becauseness is a word", "")),
    ],
)
def test_ours_splits_at_the_first_whole_word(text, told):
    assert parse_narration(text) == told


@pytest.mark.parametrize("rule", ["nlx-gpt", "e-snli-ve", "uni-nlx"])
@pytest.mark.parametrize("text", ["", "yes", "two words"])
def test_published_rules_leave_nothing_of_short_texts(rule, text):
    assert parse_narration(text, rule) == Told(text, "")
