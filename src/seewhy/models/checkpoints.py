"""The one place that reads weights; nothing that a file says is ever executed."""

import argparse
import hashlib
import os
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.archives import is_archive, read_archive

_WRAPPERS = ("state_dict", "model_state_dict", "model", "layer")
_PREFIXES = ("module.", "_orig_mod.")
_SHOWN = 5


def read_weights(path: Path | str, *, part: str = "") -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU.

    Of a file that holds several models, such as "teacher" and "student", `part` names one.

    Reads .safetensors; .pt, .pth, .bin and .ckpt that hold plain tensors; OpenAI's TorchScript
    archives. Wrappings of training scripts (`state_dict`, `model`, `module.`) are taken off.
    Raises `UsageError` for files that would need code, for NaN, infinity and empty tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"no weights file {path}. Check the path.")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{path.name} is no known kind of weights file ({', '.join(_READERS)}). "
            "Save the model's state_dict with safetensors."
        )
    try:
        content = reader(path)
    except UsageError:
        raise
    except Exception as error:  # parsers of foreign bytes raise nearly anything
        raise UsageError(
            f"{path.name} cannot be read without running code from it, or is damaged "
            f"({type(error).__name__}: {_first_line(error)}). Where you trust the file, load it "
            "with the program that made it and save `model.state_dict()` with safetensors."
        ) from error
    return _checked(_unwrapped(_part(content, part, path) if part else content, path), path)


def _part(content: Any, part: str, path: Path) -> Mapping[Any, Any]:
    """One model of several: wrapped under its name, or by the beginning of its tensors' names."""
    inner = content.get(part) if isinstance(content, Mapping) else None
    if isinstance(inner, Mapping):
        return inner
    names = list(content) if isinstance(content, Mapping) else []
    beginning = f"{part}."
    found = {
        str(name).removeprefix(beginning): content[name]
        for name in names
        if str(name).startswith(beginning)
    }
    if not found:
        raise UsageError(
            f"{path.name} has no part {part!r}; it holds {_listed(map(str, names)) or 'nothing'}. "
            "Name the family that the file belongs to."
        )
    return found


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _read_safetensors(path: Path) -> Any:
    return load_file(path)


def _read_pytorch(path: Path) -> Any:
    if is_archive(path):
        return read_archive(path)
    # Settings of a training script, kept beside its weights; they hold values and run nothing.
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )


_READERS: Mapping[str, Callable[[Path], Any]] = {
    ".safetensors": _read_safetensors,
    ".pt": _read_pytorch,
    ".pth": _read_pytorch,
    ".bin": _read_pytorch,
    ".ckpt": _read_pytorch,
    ".tar": _read_pytorch,
}


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(content, Mapping) and (inner := _wrapped(content)) is not None:
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise UsageError(f"{path.name} holds {type(content).__name__}, not tensors by name.")
    strange = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if strange:
        raise UsageError(
            f"{path.name} holds values that are no tensors: {_listed(map(str, strange))}. "
            "Save the model's state_dict alone."
        )
    tensors = {str(key): value.detach() for key, value in content.items()}
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in tensors)), ""):
        tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    return tensors


def _wrapped(content: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    inner = (content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping))
    return next(inner, None)


def _checked(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    faults = {
        "empty": [name for name, tensor in tensors.items() if not tensor.numel()],
        "sparse, quantised or without data": [
            name for name, tensor in tensors.items() if not _is_plain(tensor)
        ],
    }
    if not any(faults.values()):
        faults["NaN or infinite"] = [
            name for name, tensor in tensors.items() if not _is_finite(tensor)
        ]
    described = [f"{fault}: {_listed(names)}" for fault, names in faults.items() if names]
    if described:
        raise UsageError(
            f"{path.name} holds tensors that are {'; '.join(described)}. The file is damaged or "
            "the training failed: use another checkpoint."
        )
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta


def _is_finite(tensor: Tensor) -> bool:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    # Eight-bit floats know few operations of their own.
    tensor = tensor.float() if tensor.itemsize == 1 else tensor
    return bool(tensor.isfinite().all())


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


@dataclass(frozen=True)
class Misfits:
    """How weights differ from what a module holds: names, with shapes where these differ."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    misshaped: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.misshaped)


def misfits(module: nn.Module, weights: Mapping[str, Tensor]) -> Misfits:
    """What keeps weights from fitting a module; batch norm's counters may be missing."""
    held = module.state_dict()
    return Misfits(
        missing=tuple(
            name
            for name in held.keys() - weights
            if not f".{name}".endswith(".num_batches_tracked")
        ),
        extra=tuple(name for name in weights if name not in held),
        misshaped=tuple(
            name for name in held if name in weights and not _fits(held[name], weights[name])
        ),
    )


def _fits(held: Tensor, given: Tensor) -> bool:
    return held.shape == given.shape and held.is_floating_point() == given.is_floating_point()


def fit_weights(module: nn.Module, weights: Mapping[str, Tensor], *, source: str) -> None:
    """Copy weights into a module; every name and shape must agree.

    Raises `UsageError` listing what is missing, extra or misshaped. `source` names the weights.
    """
    differences = misfits(module, weights)
    if differences:
        held = module.state_dict()
        shapes = [
            f"{name} ({_described(weights[name])}, wanted {_described(held[name])})"
            for name in differences.misshaped
        ]
        groups = {"missing": differences.missing, "extra": differences.extra, "misshaped": shapes}
        described = [
            f"{len(names)} {kind}: {_listed(names)}" for kind, names in groups.items() if names
        ]
        raise UsageError(
            f"{source} does not fit {type(module).__name__}: {'; '.join(described)}. "
            "Name the architecture that the weights were trained with."
        )
    module.load_state_dict(dict(weights), strict=False)


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def weights_hash(weights: nn.Module | Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and numbers; independent of order and device."""
    tensors = weights.state_dict() if isinstance(weights, nn.Module) else weights
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        numbers = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(numbers.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_weights(
    path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file that is either complete or absent."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        save_file(copies, part, metadata=dict(metadata or {}))
        _synced(part)
        part.replace(path)
    except Exception as error:
        raise UsageError(f"cannot write {path}: {_first_line(error)}.") from error
    finally:
        part.unlink(missing_ok=True)


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
