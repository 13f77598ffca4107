import json

import pytest

from seewhy.base.errors import UsageError
from seewhy.data.bank_sources import answers_bank, load_bank, synsets_bank
from seewhy.data.banks import descriptor_bank


def written(tmp_path, content, name="bank.json"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_a_list_and_an_object_and_lines_give_the_same_bank(tmp_path):
    texts = ["a beak", "größe", "two legs"]
    one = load_bank(written(tmp_path, texts))
    other = load_bank(written(tmp_path, {"owl": texts[:2], "hen": texts[1:]}, "classes.json"))
    lines = load_bank(written(tmp_path, "\n".join(texts).encode(), "bank.txt"))
    assert one.texts == other.texts == lines.texts == tuple(texts)
    assert one.digest == other.digest == lines.digest
    assert other.by_class == {"owl": (0, 1), "hen": (1, 2)}


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    content = b"\xef\xbb\xbf" + json.dumps(["red", "blue"]).encode()
    assert load_bank(written(tmp_path, content)).texts == ("red", "blue")


def test_what_was_left_out_of_lines_is_told(tmp_path):
    found = load_bank(written(tmp_path, b"red\n\nblue\nred\nRED\n", "bank.txt"))
    assert found.texts == ("red", "blue")
    assert len(found.notes) == 3
    assert "repeated" in found.notes[0]
    assert "blank" in found.notes[1]
    assert "'RED'" in found.notes[2]


def test_classes_in_a_file_are_not_named(tmp_path):
    path = written(tmp_path, {"owl": ["owl face", "beak"], "hen": ["comb", "like an owl"]})
    assert load_bank(path).texts == ("beak", "comb")
    with pytest.raises(UsageError, match=r"bank\.json' gives 1 text"):
        load_bank(str(path), class_names=["combs", "comb"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b'["red", "blue"', "no JSON: .* line 1"),
        (b'["red", "bl\xffue"]', "not UTF-8: byte 0xff at place 12"),
        (b"7", "holds int 7"),
        (b"null", "holds NoneType"),
        (b'"red"', "holds str 'red'"),
        (b'{"owl": ["a"], "owl": ["b"]}', "has the class 'owl' twice"),
        (b'{"owl": {"parts": {"owl": 1, "owl": 2}}}', "twice"),
        (b'{"owl": [["a"]]}', "text 0"),
        (b'{"owl": "a"}', "wanted a list"),
        (b'["red", NaN]', "text 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "0 text"),
        (b'["red"]', "1 text"),
        (b'["red", "\\ud800"]', "no valid Unicode"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    with pytest.raises(UsageError, match=message):
        load_bank(written(tmp_path, content))


def test_lines_that_are_no_utf8_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"line 2 .* is not UTF-8"):
        load_bank(written(tmp_path, b"red\nbl\xe9\n", "bank.txt"))


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(UsageError, match="no bank that ships"):
            load_bank(path)


def test_a_bank_is_cleaned_again_and_keeps_its_classes():
    bank = descriptor_bank({"owl": ["beak", "eyes"], "hen": ["comb", "beak"]}, origin="birds")
    assert load_bank(bank) == bank
    found = load_bank(bank, class_names=["eye"])
    assert found.texts == ("beak", "comb")
    assert found.by_class == {"owl": (0,), "hen": (1, 0)}
    assert found.dropped[-1].reason == "names a class"


def test_answers_lose_their_marks_and_their_introductions():
    found = answers_bank(
        {
            "owl": "Here are useful features of it:\n\n- large eyes.\n2) a beak;\n  * 2 legs\n",
            "hen": "a comb\na beak\n\n",
        },
        origin="answers",
    )
    assert found.texts == ("large eyes", "a beak", "2 legs", "a comb")
    assert found.by_class == {"owl": (0, 1, 2), "hen": (3, 1)}
    assert [(item.text, item.reason) for item in found.dropped] == [
        ("Here are useful features of it:", "no list item"),
        ("a beak", "repeated"),
        ("", "blank"),
    ]


def test_an_answer_is_a_text():
    with pytest.raises(UsageError, match="answer for 'owl' is None"):
        answers_bank({"owl": None}, origin="answers")


LINES = (
    "  1 This software and database is licensed.  \n",
    "n01440764 tench, Tinca tinca\n",
    "hen: adult female chicken, a bird\n",
    "great_grey_owl, Strix nebulosa\tlarge owl\n",
    "physical_entity n 1 7 @ ~ 1 1 00001930  \n",
    "\n",
)


def test_lists_of_synsets():
    found = synsets_bank(LINES, origin="wordnet")
    assert found.texts == ("tench", "hen", "great grey owl", "physical entity")
    every = synsets_bank(LINES, origin="wordnet", words="all", class_names=["hen"])
    assert every.texts == (
        "tench", "Tinca tinca", "great grey owl", "Strix nebulosa", "physical entity",
    )  # fmt: skip


def test_a_line_of_synsets_is_a_text():
    with pytest.raises(UsageError, match="line of synsets is 3"):
        synsets_bank(["a", 3], origin="wordnet")
