import pytest

from seewhy.base.errors import UsageError
from seewhy.models.templates import check_templates, class_templates, filled, published_templates


def test_there_are_85_templates_and_all_are_templates():
    templates = published_templates()
    assert len(set(templates)) == 85
    assert check_templates(templates) == templates
    assert templates[0] == "a bad photo of a {}."
    assert templates[-1] == "this is one {} in the scene."


@pytest.mark.parametrize(("data_set", "count"), [("imagenet", 8), ("places365", 3), ("food101", 1)])
def test_data_sets_have_few_templates_of_their_own(data_set, count):
    templates = class_templates(data_set)
    assert len(set(templates)) == count
    assert check_templates(templates) == templates


def test_names_are_put_in_as_they_are():
    assert filled("a {}.", "{0.__class__} {}") == "a {0.__class__} {}."


@pytest.mark.parametrize(
    "template",
    ["a dog", "{} and {}", "a {0.__class__}", "a {name}", "{}}", ""],
)
def test_what_is_no_template_is_refused(template):
    with pytest.raises(UsageError, match=r"template 1 is .*such as 'a photo of a \{\}\.'"):
        check_templates(["a {}", template])


@pytest.mark.parametrize("templates", [[], "a {}"])
def test_a_list_is_wanted(templates):
    with pytest.raises(UsageError, match="wanted a list"):
        check_templates(templates)
