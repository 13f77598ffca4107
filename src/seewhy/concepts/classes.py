"""Which classes an image is told apart by, and which of them is the true one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seewhy.base.errors import UsageError
from seewhy.data.records import ImageRecord


@dataclass(frozen=True)
class Classes:
    """Names of classes, and the number of the true one for each image where it is known."""

    names: tuple[str, ...]
    truth: dict[str, int]
    notes: tuple[str, ...] = ()


def known_classes(names: Sequence[str], records: Sequence[ImageRecord]) -> Classes:
    """The classes that were named, or else those that the labels of the images name.

    A label means a class whatever the case, with underscores for spaces. Labels that mean none of
    the classes are counted in a note. Raises `UsageError` for fewer than two classes, and for two
    that are the same.
    """
    labels = {each.id: each.label for each in records if each.label is not None}
    chosen = tuple(names) or tuple(map(_spaced, sorted(set(labels.values()))))
    if len(chosen) < 2:
        raise UsageError(
            f"{len(chosen)} class(es): name at least two with --class or --classes-file, or give "
            "images in one folder per class, or a manifest with labels."
        )
    numbers = _numbers(chosen)
    truth = {
        identity: numbers[_folded(label)]
        for identity, label in labels.items()
        if _folded(label) in numbers
    }
    lost = [label for label in labels.values() if _folded(label) not in numbers]
    note = f"{len(lost)} images have labels that are none of the classes, such as {lost[:1]}."
    return Classes(chosen, truth, (note,) if lost else ())


def _numbers(names: Iterable[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, name in enumerate(names):
        if numbers.setdefault(_folded(name), number) != number or not _folded(name):
            raise UsageError(
                f"class {number} ({name!r:.60}) is empty or repeats another; name each once."
            )
    return numbers


def _spaced(label: str) -> str:
    return " ".join(label.replace("_", " ").split())


def _folded(label: str) -> str:
    return _spaced(label).casefold()
