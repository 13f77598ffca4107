"""A folder of images, flat or with one folder per class, to records."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import file_fault, name_as_text, read_file, shown
from seewhy.data.images import ReadPolicy
from seewhy.data.listing import FileImage, Listing
from seewhy.data.records import Failure, ImageRecord

SPLIT_NAMES = frozenset(
    {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
)

_SIDECARS = (
    ".csv", ".tsv", ".json", ".jsonl", ".txt", ".md", ".rst", ".xml", ".yaml", ".yml",
    ".toml", ".ini", ".log", ".parquet", ".arrow", ".npy", ".npz", ".mat", ".h5", ".pt",
    ".pth", ".safetensors", ".pkl", ".py", ".ipynb", ".db", ".zip", ".tar", ".gz",
)  # fmt: skip
_COMPARED_BYTES = 2**28


def list_folder(root: Path, *, split: str | None, policy: ReadPolicy) -> Listing:
    """One record per file; the id is the path below `root`, the label its first folder.

    Hidden files and files that never are images (.csv, .json, ...) are left out with a count.
    Links are followed to files inside `root` only; other links, pipes and devices are failures.
    """
    chosen = _split_folder(root, split)
    walk = _Walk(chosen)
    records = [
        ImageRecord(
            id=name_as_text(path),
            read=FileImage(chosen / path, policy),
            label=name_as_text(Path(path.parts[0])) if len(path.parts) > 1 else None,
        )
        for path in walk.files
    ]
    notes = [
        _count_note(walk.hidden, "hidden file", "skipped"),
        _count_note(walk.sidecars, "file", "skipped that no image format uses (.csv, .txt, ...)"),
        *_duplicate_notes(chosen, walk.files, policy),
    ]
    return Listing(tuple(records), tuple(walk.failures), tuple(filter(None, notes)))


class _Walk:
    """All files below a folder in a stable order; folders behind links are not entered."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[Path] = []
        self.failures: list[Failure] = []
        self.hidden = 0
        self.sidecars = 0
        self._inside = root.resolve()
        folders = [root]
        while folders:
            folders += self._enter(folders.pop())
        self.files.sort(key=os.fsencode)
        self.failures.sort(key=lambda failure: failure.id)

    def _enter(self, folder: Path) -> list[Path]:
        try:
            entries = list(folder.iterdir())
        except OSError as error:
            self._fail(folder, file_fault(error, folder))
            return []
        return [path for path in entries if self._is_folder(path)]

    def _is_folder(self, path: Path) -> bool:
        try:
            return self._visit(path)
        except OSError as error:
            self._fail(path, file_fault(error, path))
            return False

    def _visit(self, path: Path) -> bool:
        """Take the file; true for a folder, which is still to be entered."""
        if path.name.startswith("."):
            self.hidden += 1
        elif path.is_symlink():
            self._add_link(path)
        elif path.is_dir():
            return True
        elif path.is_file():
            self._add_file(path)
        else:
            self._fail(path, DataError("not_a_file", f"{shown(path)} is a pipe or device."))
        return False

    def _add_file(self, path: Path) -> None:
        if path.suffix.lower() in _SIDECARS:
            self.sidecars += 1
        else:
            self.files.append(path.relative_to(self.root))

    def _add_link(self, path: Path) -> None:
        # Raises for links that are broken or lead back to themselves.
        path.stat()
        target = path.resolve()
        if not target.is_relative_to(self._inside):
            reason = "is a link out of the folder; copy the file, or list it in a manifest"
            self._fail(path, DataError("outside", f"{shown(path)} {reason}."))
        elif target.is_file():
            self._add_file(path)
        else:
            reason = "is a link to a folder; links to folders are not followed"
            self._fail(path, DataError("link", f"{shown(path)} {reason}."))

    def _fail(self, path: Path, error: DataError) -> None:
        name = name_as_text(path.relative_to(self.root))
        self.failures.append(Failure(name, error.code, str(error)))


def _split_folder(root: Path, split: str | None) -> Path:
    try:
        folders = [path for path in root.iterdir() if path.is_dir()]
    except OSError as error:
        raise UsageError(f"{file_fault(error, root)} Give a folder that can be read.") from error
    names = sorted(path.name for path in folders if not path.name.startswith("."))
    if split is not None and split not in names:
        raise UsageError(
            f"{shown(root)} has no folder {split!r} for the split; it has "
            f"{', '.join(map(repr, names[:20])) or 'no folders'}."
        )
    if split is None and names and SPLIT_NAMES.issuperset(names):
        raise UsageError(
            f"{shown(root)} holds splits, not classes: {', '.join(names)}. Choose one with `split`."
        )
    return root if split is None else root / split


def _duplicate_notes(root: Path, files: Sequence[Path], policy: ReadPolicy) -> list[str]:
    sizes: defaultdict[int, list[Path]] = defaultdict(list)
    for path in files:
        sizes[_size(root / path)].append(path)
    suspects = {size: paths for size, paths in sizes.items() if size > 0 and len(paths) > 1}
    if sum(size * len(paths) for size, paths in suspects.items()) > _COMPARED_BYTES:
        return ["duplicate images were not looked for: too many bytes to compare"]
    contents: defaultdict[bytes, list[Path]] = defaultdict(list)
    for path in (path for paths in suspects.values() for path in paths):
        contents[_digest(root / path, policy)].append(path)
    groups = [paths for digest, paths in contents.items() if digest and len(paths) > 1]
    copies = sum(len(paths) - 1 for paths in groups)
    examples = [" = ".join(shown(path) for path in paths[:3]) for paths in groups[:3]]
    return [f"{copies} duplicate images, such as {'; '.join(examples)}"] if copies else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # It vanished meanwhile; reading it will say so.
        return 0


def _digest(path: Path, policy: ReadPolicy) -> bytes:
    try:
        content = read_file(path, max_bytes=policy.max_bytes, timeout=policy.timeout)
    except DataError:  # Reading the image will say why.
        return b""
    return hashlib.sha256(content).digest()


def _count_note(count: int, what: str, rest: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''} {rest}" if count else ""
