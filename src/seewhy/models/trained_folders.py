"""Names of what `seewhy train` makes: "embedded:NAME" for one that ships, or a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from seewhy.base.errors import UsageError

_EMBEDDED = "embedded"


def check_trained(
    source: str | Path, kind: Literal["narrator", "editor"], *, shipped: Sequence[str]
) -> None:
    """Raises `UsageError` where neither a folder nor one of the shipped names is named."""
    family, _, name = str(source).partition(":")
    there = ", ".join(f"{_EMBEDDED}:{each}" for each in shipped)
    if family == _EMBEDDED and name not in shipped:
        raise UsageError(
            f"no {kind} {str(source)!r} comes with this installation; "
            f"{f'there is {there}' if there else 'there is none'}. Train one with `seewhy train "
            f"{kind} --preset tiny --output FOLDER` (as `--help` explains), and name its folder: "
            f"--{kind} FOLDER."
        )
    if family != _EMBEDDED and not Path(source).expanduser().is_dir():
        raise UsageError(
            f"the {kind} {str(source)!r} is no folder. Name one that `seewhy train {kind}` wrote"
            f"{f', or {there}' if there else ''}."
        )
