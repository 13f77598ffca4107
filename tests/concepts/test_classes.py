import pytest

from seewhy.base.errors import UsageError
from seewhy.concepts.classes import known_classes
from seewhy.data.records import ImageRecord


def records(*labels):
    return [
        ImageRecord(f"{number}.png", read=lambda: None, label=label)
        for number, label in enumerate(labels)
    ]


def test_classes_are_those_of_the_labels_where_none_is_named():
    found = known_classes((), records("polar_bear", "cat", None, "cat"))
    assert found.names == ("cat", "polar bear")
    assert found.truth == {"0.png": 1, "1.png": 0, "3.png": 0}
    assert found.notes == ()


def test_a_label_means_a_named_class_whatever_its_case_and_underscores():
    found = known_classes(("Polar Bear", "cat"), records("polar_bear", "CAT", "dog"))
    assert found.names == ("Polar Bear", "cat")
    assert found.truth == {"0.png": 0, "1.png": 1}
    (note,) = found.notes
    assert "1 images have labels that are none of the classes, such as ['dog']" in note


@pytest.mark.parametrize(
    ("names", "labels", "message"),
    [
        ((), (None,), "name at least two"),
        (("cat",), ("cat", "dog"), "name at least two"),
        ((), ("cat",), "name at least two"),
        (("cat", "CAT"), (), "class 1 ('CAT') is empty or repeats"),
        (("cat", " "), (), "class 1 (' ') is empty or repeats"),
    ],
)
def test_too_few_and_repeated_classes_are_refused(names, labels, message):
    with pytest.raises(UsageError) as caught:
        known_classes(names, records(*labels))
    assert message in str(caught.value)
