"""Published weights: from this machine's caches, or from the network when that is allowed."""

import hashlib
import re
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seewhy.base.errors import UsageError

_TIMEOUT_SECONDS = 30
_CHUNK = 2**20


@dataclass(frozen=True)
class Published:
    """Where weights are published, and the caches in which other programs keep them.

    `files` of the hub's `repository` are tried in order, then `url`, which is kept in `folder`.
    `name` is the model's, for messages.
    """

    name: str
    repository: str = ""
    files: Sequence[str] = ()
    url: str = ""
    folder: Path = Path()

    @property
    def target(self) -> Path:
        """Where the file behind `url` is kept."""
        return self.folder / self.url.rpartition("/")[2]


def weights_file(published: Published, *, allow_download: bool) -> Path:
    """The weights file on this machine; only `allow_download` lets it use the network.

    Raises `UsageError` with what to do offline.
    """
    cached = _cached(published)
    if cached is not None:
        return cached
    if not allow_download:
        raise UsageError(
            f"the weights of {published.name} are not on this machine. {_recipe(published)}"
        )
    failures = []
    for fetch in (_from_hub, _from_url):
        try:
            fetched = fetch(published)
        except Exception as error:  # the hub's and the network's own errors are many
            failures.append(f"{type(error).__name__}: {error}"[:300])
        else:
            if fetched is not None:
                return fetched
    raise UsageError(
        f"the weights of {published.name} could not be fetched ({'; '.join(failures)}). "
        f"{_recipe(published)}"
    )


def _recipe(published: Published) -> str:
    places = [f"{published.repository} on huggingface.co"] if published.repository else []
    places += [published.url] if published.url else []
    base = published.name.partition("/")[0]
    return (
        "Allow the download (allow_download=True), or fetch the file from "
        f"{' or '.join(places) or 'its publisher'} elsewhere and name it: {base}@PATH. "
        f"Untrained weights must be asked for: {base}/random-weights."
    )


def _cached(published: Published) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for file in published.files if published.repository else ():
        found = try_to_load_from_cache(published.repository, file)
        if isinstance(found, str):
            return Path(found)
    if published.url and published.target.is_file() and _is_whole(published):
        return published.target
    return None


def _is_whole(published: Published) -> bool:
    """Whether the file's hash begins as its address says; addresses that say none are trusted."""
    with published.target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest.startswith(hash_prefix(published.url))


def hash_prefix(url: str) -> str:
    """The beginning of the SHA-256 that an address carries, or nothing.

    >>> hash_prefix("https://download.pytorch.org/models/resnet50-11ad3fa6.pth")
    '11ad3fa6'
    """
    folder = re.search(r"/([0-9a-f]{64})/[^/]+$", url)
    name = re.search(r"-([0-9a-f]{8,64})\.\w+$", url)
    found = folder or name
    return found[1] if found else ""


def _from_hub(published: Published) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    for file in published.files if published.repository else ():
        try:
            return Path(hf_hub_download(published.repository, file))
        except EntryNotFoundError:
            continue
    return None


def _from_url(published: Published) -> Path | None:
    if not published.url.startswith("https://"):
        return None
    published.folder.mkdir(parents=True, exist_ok=True)
    part = published.target.with_name(f".{published.target.name}.{uuid.uuid4().hex}.part")
    try:
        with urllib.request.urlopen(published.url, timeout=_TIMEOUT_SECONDS) as source:
            digest = _copied(source, part)
        if not digest.startswith(hash_prefix(published.url)):
            raise UsageError(f"{published.url} gave a file with another hash than its name says.")
        part.replace(published.target)
    finally:
        part.unlink(missing_ok=True)
    return published.target


def _copied(source: Any, part: Path) -> str:
    digest = hashlib.sha256()
    with part.open("wb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
