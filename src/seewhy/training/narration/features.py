"""The tokens of a frozen image tower, computed once for each file and kept in half precision."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from seewhy.base.errors import DataError, UsageError
from seewhy.models.checkpoints import weights_hash
from seewhy.models.narration.narrator import Narrator
from seewhy.results.files import atomic_file, output_folder
from seewhy.training.narration.examples import ReadImage

_AT_A_TIME = 32
_KEY_LETTERS = 16

_log = logging.getLogger(__name__)


@runtime_checkable
class _HasDigest(Protocol):
    def digest(self) -> str: ...


@dataclass(frozen=True)
class FeatureStore:
    """A file of tokens for each image, by what the image's file holds, not by its name.

    `key` tells towers apart: `tower_key`. So files may move, and what another tower has left is
    never taken.
    """

    folder: Path
    key: str
    _digests: dict[object, str] = field(default_factory=dict, compare=False, repr=False)

    def path(self, read: ReadImage) -> Path:
        """Where the tokens of an image are kept; `UsageError` for images without a file."""
        if read not in self._digests:
            if not isinstance(read, _HasDigest):
                raise UsageError(
                    "tokens are stored for images in files, and these are drawn anew. Train "
                    "without stored tokens."
                )
            self._digests[read] = read.digest()
        digest = self._digests[read]
        return self.folder / self.key[:_KEY_LETTERS] / digest[:2] / f"{digest}.npy"

    def tokens(self, read: ReadImage) -> Float[Tensor, "patches channels"]:
        """The tokens of an image; `DataError` where they were never stored."""
        path = self.path(read)
        if not path.is_file():
            raise DataError("missing", f"no stored tokens of {read!r:.120}; its image has failed.")
        return torch.from_numpy(np.load(path, allow_pickle=False)).float()

    def write(self, read: ReadImage, tokens: Float[Tensor, "patches channels"]) -> None:
        """Keep the tokens of an image, whole or not at all."""
        path = self.path(read)
        output_folder(path.parent)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, tokens.detach().cpu().half().numpy(), allow_pickle=False)


def tower_key(narrator: Narrator) -> str:
    """A digest of the tower's weights and of how images are brought to it."""
    preprocessing = json.dumps(narrator.config.preprocessing.config(), sort_keys=True)
    weights = weights_hash(narrator.tower)
    return hashlib.sha256(f"{weights} {preprocessing}".encode()).hexdigest()


def store_features(
    narrator: Narrator,
    images: Iterable[ReadImage],
    store: FeatureStore,
    *,
    progress: bool = False,
) -> int:
    """Compute and keep what is missing of these images; returns how many could not be read."""
    failed = 0
    wanted = tqdm(dict.fromkeys(images), disable=not progress, delay=2, unit="image")
    found = _readable(narrator, wanted, store)
    while chunk := list(islice(found, _AT_A_TIME)):
        kept = [(read, pixels) for read, pixels in chunk if pixels is not None]
        failed += len(chunk) - len(kept)
        if kept:
            pixels = torch.stack([pixels for _, pixels in kept]).to(narrator.device)
            with torch.inference_mode():
                tokens = narrator.tower(pixels)
            for (read, _), each in zip(kept, tokens, strict=True):
                store.write(read, each)
    return failed


def _readable(
    narrator: Narrator, images: Iterable[ReadImage], store: FeatureStore
) -> Iterator[tuple[ReadImage, Tensor | None]]:
    """The images that have no tokens yet, None for one that cannot be read."""
    for read in images:
        try:
            if not store.path(read).is_file():
                yield read, narrator.preprocess(read())
        except DataError as error:
            _log.warning("%s", error)
            yield read, None
