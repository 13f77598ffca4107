import pytest
import yaml
from hypothesis import given, settings
from hypothesis.strategies import dictionaries, integers, lists, text

from seewhy.base.errors import UsageError
from seewhy.data.concepts import ConceptGroup, ConceptGroups, ConceptValue, load_concepts

COLOUR = {"red": ["a red digit"], "green": ["a green digit", "something green"]}
SHAPE = {"five": "a five", "eight": ["an eight"]}
TABLE = {"colour": COLOUR, "shape": SHAPE}

DIGITS_YAML = """
shape:
  5: ["the digit five"]
  8: ["the digit eight"]
colour:
  templates: ["a {} digit", "a digit in {}"]
  red: null
  green:
  blue: ["something blue"]
expected:
  5: {shape: 5, colour: red}
  8: {shape: 8, colour: green}
"""


def written(tmp_path, content):
    path = tmp_path / "concepts.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def refused(table, message):
    with pytest.raises(UsageError, match=message):
        load_concepts(table)


def test_a_mapping_keeps_its_order():
    concepts = load_concepts(TABLE)
    assert concepts.names == ("colour", "shape")
    assert concepts.groups[0].value_names == ("red", "green")
    assert concepts.captions == (
        "a red digit",
        "a green digit",
        "something green",
        "a five",
        "an eight",
    )
    assert concepts.expected == {}


def test_groups_read_from_a_file_are_those_of_the_mapping(tmp_path):
    concepts = load_concepts(written(tmp_path, DIGITS_YAML))
    assert concepts == ConceptGroups(
        groups=(
            ConceptGroup(
                "shape",
                (ConceptValue("5", ("the digit five",)), ConceptValue("8", ("the digit eight",))),
            ),
            ConceptGroup(
                "colour",
                (
                    ConceptValue("red", ("a red digit", "a digit in red")),
                    ConceptValue("green", ("a green digit", "a digit in green")),
                    ConceptValue("blue", ("something blue",)),
                ),
            ),
        ),
        expected={"5": {"shape": "5", "colour": "red"}, "8": {"shape": "8", "colour": "green"}},
    )
    assert load_concepts(yaml.safe_load(DIGITS_YAML)) == concepts
    assert load_concepts(str(tmp_path / "concepts.yaml")) == concepts


def test_concept_groups_pass_through_untouched():
    concepts = load_concepts(TABLE)
    assert load_concepts(concepts) is concepts


def test_the_key_groups_is_optional():
    expected = {"5": {"shape": "five"}}
    nested = load_concepts({"groups": TABLE, "expected": expected})
    assert nested == load_concepts(TABLE | {"expected": expected})
    assert nested.expected == expected


def test_the_given_mapping_is_left_as_it_was():
    table = {"colour": {"templates": "a {}", "red": None, "green": None}, "shape": dict(SHAPE)}
    table["expected"] = {"5": {"shape": "five"}}
    copy = yaml.safe_load(yaml.safe_dump(table))
    load_concepts(table)
    assert table == copy


NAMES = text("abcdefghij ", min_size=1, max_size=8).filter(str.strip)


@given(sizes=dictionaries(NAMES, lists(integers(1, 3), min_size=2, max_size=4), min_size=2))
@settings(max_examples=50)
def test_as_dict_and_load_are_inverse(sizes):
    sizes = {name: counts for name, counts in sizes.items() if name not in ("groups", "expected")}
    table = {
        group: {
            f"value {number}": [f"caption {position}: {number} {count}" for count in range(count)]
            for number, count in enumerate(counts)
        }
        for position, (group, counts) in enumerate(sizes.items())
    }
    concepts = load_concepts(table)
    assert concepts.as_dict() == table
    assert load_concepts(concepts.as_dict()) == concepts
    assert len(concepts.captions) == sum(sum(counts) for counts in sizes.values())


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    assert load_concepts(written(tmp_path, "\ufeff" + DIGITS_YAML)).names == ("shape", "colour")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    refused(tmp_path / "none.yaml", r"no concept file at .*none\.yaml; give a YAML file")
    refused(tmp_path, "no concept file at")


@pytest.mark.parametrize(
    "content",
    [
        "colour: [red",
        "colour: {red: !!python/object/apply:os.getcwd []}",
        "a: &a [*b]",
        "[" * 2000,
        "? [1, 2]\n: x",
        "? {a: b}\n: x",
    ],
    ids=["unclosed", "code", "unknown alias", "deep", "list as key", "mapping as key"],
)
def test_what_is_no_plain_yaml_is_refused(tmp_path, content):
    refused(written(tmp_path, content), "concepts.yaml is not readable as YAML")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "concepts.yaml"
    path.write_bytes(b"colour: \xff\xfe")
    refused(path, "not readable as YAML")


@pytest.mark.parametrize("content", ["", "- red\n- green\n", "red", "{}", "null"])
def test_a_file_without_a_mapping_is_refused(tmp_path, content):
    refused(written(tmp_path, content), r"concepts\.yaml: expected a mapping such as")


def test_a_key_that_occurs_twice_is_refused_and_not_halved(tmp_path):
    content = "colour:\n  red: [a]\n  red: [b]\n  green: [c]\nshape: {x: [d], y: [e]}\n"
    refused(written(tmp_path, content), "not readable as YAML: 'red' stands twice")
    refused({"colour": {1: ["a"], "1": ["b"], 2: ["c"]}, "shape": SHAPE}, "name '1' stands twice")
    refused({1: COLOUR, "1": SHAPE}, "name '1' stands twice")


@pytest.mark.parametrize("key", [True, False, None, "", "  "])
def test_names_that_are_no_text_are_refused(key):
    refused({key: COLOUR, "shape": SHAPE}, r"group name .* is no text; write it in quotes")
    refused({"colour": {key: ["a"], "red": ["b"]}, "shape": SHAPE}, r"colour: value name .* quotes")
    refused({"groups": {key: COLOUR, "shape": SHAPE}}, r"group name .* is no text")


def test_yes_and_no_as_yaml_reads_them_are_refused(tmp_path):
    refused(
        written(tmp_path, "smile: {yes: [a], no: [b]}\nage: {1: [c], 2: [d]}"), "value name True"
    )


def test_yaml_may_still_merge_and_override(tmp_path):
    content = "a: &a {x: [1a], y: [2a]}\nb: {<<: *a, y: [2b], x: [1b]}\n"
    assert load_concepts(written(tmp_path, content)).captions == ("1a", "2a", "1b", "2b")


def test_a_class_called_yes_is_refused_too():
    refused(TABLE | {"expected": {True: {"shape": "five"}}}, "class name True is no text")


@pytest.mark.parametrize("values", [None, [], ["red", "green"], "red", 3, {}])
def test_a_group_that_is_no_mapping_is_refused(values):
    refused({"colour": values, "shape": SHAPE}, "colour: expected a mapping such as")


def test_fewer_than_two_groups_or_values_are_refused():
    refused({}, r"^0 concept group\(s\) given; .*at least two")
    refused({"colour": COLOUR}, r"^1 concept group\(s\) given")
    refused({"colour": COLOUR, "expected": {"5": {"colour": "red"}}}, r"^1 concept group")
    refused({"colour": {"red": ["a"]}, "shape": SHAPE}, r"'colour' has 1 value\(s\).* at least two")
    refused({"colour": {"templates": ["a {}"]}, "shape": SHAPE}, r"'colour' has 0 value")


@pytest.mark.parametrize("captions", [None, [], "", {"a": 1}, 5, True])
def test_a_value_without_captions_is_refused(captions):
    message = "colour: red: (expected captions|caption 1 is)"
    refused({"colour": {"red": captions, "green": ["g"]}, "shape": SHAPE}, message)


@pytest.mark.parametrize("caption", [None, "", " \t", 5, ["a"]])
def test_a_caption_that_is_no_text_is_refused_by_its_place(caption):
    table = {"colour": {"red": ["a red one", caption], "green": ["g"]}, "shape": SHAPE}
    refused(table, "colour: red: caption 2 is .*not a text")


@pytest.mark.parametrize(
    "template",
    ["a digit", "{} and {}", "{0.__class__} {}", "{0.__class__}", "{0}", "{colour}", "}{", "{{}}"],
)
def test_a_template_holds_one_empty_pair_of_braces_and_no_other(template):
    values = {"templates": [template], "red": None, "green": None}
    refused(
        {"colour": values, "shape": SHAPE}, r"colour: template .* must hold `\{\}` exactly once"
    )


def test_templates_that_are_no_texts_are_refused():
    for given_templates in ([], [None], {"a": "b"}, 7):
        values = {"templates": given_templates, "red": None, "green": None}
        refused({"colour": values, "shape": SHAPE}, "colour: templates: ")


def test_a_value_name_with_braces_is_put_in_as_it_is():
    values = {"templates": "a {} thing", "{0.__class__}": None, "{}": None}
    concepts = load_concepts({"kind": values, "shape": SHAPE})
    assert concepts.captions[:2] == ("a {0.__class__} thing", "a {} thing")


@pytest.mark.parametrize("double", ["a five", "A FIVE", "  a \t five "])
def test_a_caption_that_occurs_twice_is_refused_with_both_places(double):
    table = {"colour": {"red": [double], "green": ["g"]}, "shape": SHAPE}
    refused(table, "stands under colour: red and shape: five.*Reword one")


def test_a_caption_twice_under_one_value_is_refused_too():
    refused(
        {"colour": {"red": ["r", "R"], "green": ["g"]}, "shape": SHAPE}, "colour: red and colour"
    )


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"5": {"colour": "blue"}}, "expected: 5: no value 'blue' in group 'colour'.*red, green"),
        ({"5": {"size": "red"}}, "no value 'red' in group 'size'; there are colour, shape"),
        ({"5": {"colour": None}}, "no value None in group 'colour'"),
        ({"5": {"colour": ["red"]}}, "no value .'red'. in group 'colour'"),
        ({"5": "red"}, "expected: 5: expected a mapping"),
        ({"5": {}}, "expected: 5: expected a mapping"),
        (["5"], "expected: expected a mapping"),
        ("5", "expected: expected a mapping"),
        (False, "expected: expected a mapping"),
        ([], "expected: expected a mapping"),
    ],
)
def test_what_is_expected_must_be_a_value_of_a_group(expected, message):
    refused(TABLE | {"expected": expected}, message)


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_may_be_expected(nothing):
    assert load_concepts(TABLE | {"expected": nothing}).expected == {}


def test_long_rubbish_is_cut_in_the_message():
    with pytest.raises(UsageError) as caught:
        load_concepts({"colour": "x" * 10_000, "shape": SHAPE})
    assert len(str(caught.value)) < 200
