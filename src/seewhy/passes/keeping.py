"""How a run that was interrupted goes on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from seewhy.base.errors import UsageError
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, write_json

PARTS_FOLDER = "parts"
_REQUEST = "request.json"


@contextmanager
def kept_parts(output: Path, request: Mapping[str, JsonValue], *, resume: bool) -> Iterator[Path]:
    """A folder for the parts of a run below its output, gone when the block ends well.

    After an error the parts stay, and a later block with `resume` finds them. Raises
    `UsageError` when they belong to another request: it names what differs.
    """
    folder = output_folder(output) / PARTS_FOLDER
    if resume:
        _refuse_other(folder / _REQUEST, request)
    store = Store(folder)
    with store.in_use():
        if not resume:
            store.clear()
        write_json(folder / _REQUEST, dict(request))
    try:
        yield folder
    except BaseException:
        if not any(folder.glob("*.safetensors")):
            _remove(store)
        raise
    _remove(store)


def _remove(store: Store) -> None:
    with store.in_use():
        store.clear()
        (store.folder / _REQUEST).unlink(missing_ok=True)
    store.remove_if_empty()


def _refuse_other(path: Path, request: Mapping[str, JsonValue]) -> None:
    if not path.exists():
        return
    try:
        found = TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{path} is damaged, so it cannot be told what was interrupted. Run without --resume."
        ) from error
    differing = [
        f"{name}: {found.get(name)!r} then, {request.get(name)!r} now"
        for name in sorted({*found, *request})
        if found.get(name) != request.get(name)
    ]
    if differing:
        raise UsageError(
            f"the run in {path.parent} was another one ({'; '.join(differing)}). Repeat it as it "
            "was, or start anew without --resume."
        )
