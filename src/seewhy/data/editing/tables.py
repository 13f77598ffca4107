"""JSON objects in the place of what published preparations pickle."""

from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.narration.entries import EntryFile

_PICKLES = (".pkl", ".pickle", ".p", ".pk")


def json_table(path: Path, *, kind: str, wanted: str) -> dict[str, object]:
    """The entries of a JSON object; `UsageError` for anything else, and for a pickled file.

    `kind` and `wanted` say in messages what it should be.
    """
    if path.suffix.lower() in _PICKLES:
        raise UsageError(
            f"{shown(path)} is pickled, and reading it could run a program that it holds. Where "
            "you trust it, load it with the program that made it and write a JSON object, its "
            f"keys as texts (of several words or numbers, joined by spaces): {wanted}."
        )
    return EntryFile(path, kind, wanted).mapping()


def whole_number(value: object, *, where: str) -> int:
    """A count or a row, 0 or more, also where it is stored as 3.0; `UsageError` otherwise."""
    match value:
        case bool():
            pass
        case int() if value >= 0:
            return value
        case float() if value >= 0 and value.is_integer():
            return int(value)
    raise UsageError(f"{where} is {value!r:.60}; wanted is a whole number, 0 or more.")
