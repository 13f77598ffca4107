import re
from xml.etree import ElementTree

from seewhy.report.joined import TextList, joined_lists

SVG = re.compile(r"M0 (\d+)C\S+ \S+ \S+ \S+ 100 (\d+)")


def drawn(first, second):
    return str(joined_lists(TextList("found", tuple(first)), TextList("expected", tuple(second))))


def heights(text, name):
    """Where a text stands in each list that has it."""
    tree = ElementTree.fromstring(text)
    return [int(each.get("y")) for each in tree.iter("text") if (each.text or "").strip() == name]


def test_lines_join_each_shared_text_with_itself():
    text = drawn(["a", "b", "c"], ["x", "c", "a", "y"])
    found = {(int(left), int(right)) for left, right in SVG.findall(text)}
    assert found == {tuple(heights(text, "a")), tuple(heights(text, "c"))}
    assert "found: 3 texts; expected: 4; 2 in both" in text


def test_every_text_of_50_and_15_has_a_row_of_its_own():
    many = [f"text number {number}" for number in range(50)]
    text = drawn(many[35:], many)
    rows = [heights(text, each) for each in many]
    rights = [each[-1] for each in rows]
    assert rights == sorted(set(rights))
    assert all(len(each) == 2 for each in rows[35:])
    height = int(ElementTree.fromstring(text).get("height"))
    assert height > max(rights)
    assert len(SVG.findall(text)) == 15


def test_long_texts_are_cut_in_the_drawing_and_whole_in_its_titles():
    long = "very " * 60 + "long"
    text = drawn([long], [long])
    assert text.count(f"1. {long}") == 2
    assert "…" in text


def test_hostile_texts_are_texts():
    text = drawn(["<script>", "{{7*7}}", "\u202e"], ["<script>"])
    assert "<script>" not in text
    assert "\u202e" not in text
    ElementTree.fromstring(text)


def test_empty_lists_are_drawn():
    assert "0 in both" in drawn([], [])
    assert "0 in both" in drawn(["a"], [])
