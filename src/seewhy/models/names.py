"""The grammar of model names, and what was probably meant by a wrong one."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from seewhy.base.errors import UsageError

RANDOM_WEIGHTS = "random-weights"

ZOOS = ("open_clip", "timm", "torchvision")
FOLDERS = ("open_clip-dir", "classifier-dir", "ssl-dir")
FAMILIES = (*ZOOS, *FOLDERS, "embedded", "file", "ssl")


@dataclass(frozen=True)
class ModelName:
    """The parts of a model name.

    `weights` is the name of published weights, "random-weights", or empty; `path` is a weights
    file or a folder.

    >>> ModelName.parse("open_clip:RN50/openai")
    ModelName(family='open_clip', architecture='RN50', weights='openai', path=None)
    """

    family: str
    architecture: str
    weights: str = ""
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "ModelName":
        """Take a name apart; raises `UsageError` with the grammar when it has no such parts."""
        family, colon, rest = text.partition(":")
        if not colon or family not in FAMILIES:
            if Path(text).is_dir():
                raise UsageError(
                    f"{text!r} is a folder. Write classifier-dir:{text} or open_clip-dir:{text}."
                )
            raise UsageError(
                f"no model family in {text!r}. {suggestion(family, FAMILIES)}"
                "A name is FAMILY:MODEL, such as torchvision:resnet50@weights.safetensors."
            )
        if not rest:
            raise UsageError(f"{text!r} names no model. Write {family}:MODEL.")
        if family in FOLDERS:
            return cls(family, "", path=Path(rest).expanduser())
        if family == "file":
            return cls._parse_file(text, rest)
        if family == "embedded":
            return cls(family, rest)
        if family == "ssl":
            return cls._parse_checkpoint(text, rest)
        return cls._parse_zoo(family, rest)

    @classmethod
    def _parse_file(cls, text: str, rest: str) -> "ModelName":
        path, question, architecture = rest.rpartition("?arch=")
        family, _, model = architecture.partition(":")
        if not question or family not in ZOOS or not model:
            raise UsageError(
                f"{text!r} does not say which architecture the weights belong to. Write "
                "file:PATH?arch=torchvision:resnet18 (or timm:..., open_clip:...)."
            )
        return replace(cls._parse_zoo(family, model), path=Path(path).expanduser())

    @classmethod
    def _parse_checkpoint(cls, text: str, rest: str) -> "ModelName":
        kind, at, path = rest.partition("@")
        if not at or not path:
            raise UsageError(
                f"{text!r} names no file. Write ssl:FAMILY@PATH, such as "
                "ssl:simclr_v2@r50_1x_sk0.pth."
            )
        return cls("ssl", kind, path=Path(path).expanduser())

    @classmethod
    def _parse_zoo(cls, family: str, rest: str) -> "ModelName":
        architecture, at, path = rest.partition("@")
        if at:
            return cls(family, architecture, path=Path(path).expanduser())
        architecture, slash, weights = rest.rpartition("/")
        return cls(family, architecture, weights) if slash else cls(family, rest)

    @property
    def base(self) -> str:
        """Family and architecture, such as "torchvision:resnet50"."""
        return f"{self.family}:{self.architecture}"

    @property
    def is_random(self) -> bool:
        """Whether untrained weights are asked for, in words."""
        return self.weights == RANDOM_WEIGHTS


def suggestion(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known names, or nothing; ends with a space."""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    return f"Nearest: {', '.join(by_lower[each] for each in near)}. " if near else ""
