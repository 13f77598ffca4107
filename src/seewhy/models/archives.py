"""The tensors of a TorchScript archive, read without running anything in it.

OpenAI publishes CLIP's weights as such archives. Their `data.pkl` is a program for a stack
machine: the reader below knows the two dozen instructions that describe a module, turns objects
into plain dictionaries, and never looks up or calls a name that the file gives.
"""

import math
import pickletools
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seewhy.base.errors import UsageError

PUBLISHED_EXTRAS = frozenset({"input_resolution", "context_length", "vocab_size", "attn_mask"})
"""Constants in OpenAI's archives that are no weights; masks hold minus infinity on purpose."""

_LARGEST_PROGRAM = 64 * 2**20
_MOST_ATTRIBUTES = 1_000_000
_MARK = object()

_DTYPES = {
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch DoubleStorage": torch.float64,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,
    "torch BoolStorage": torch.bool,
}


@dataclass(frozen=True)
class _Name:
    """A class or function that the file names; it stays a name."""

    text: str


def is_archive(path: Path) -> bool:
    """Whether a file is a TorchScript archive."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_archive(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers by dotted name, without `PUBLISHED_EXTRAS`.

    Raises `UsageError` for anything but a module of tensors; malformed bytes may also raise
    whatever Python's own parsers raise.
    """
    with zipfile.ZipFile(path) as archive:
        root = _checked_root(archive, path)
        order = root + "byteorder"
        if order in archive.namelist() and archive.read(order) == b"big":
            raise UsageError(f"{path.name} was written on a big-endian machine; convert it there.")
        storages = _Storages(lambda key: archive.read(f"{root}data/{key}"))
        module = _Machine(storages.read).run(archive.read(root + "data.pkl"))
    tensors = dict(_tensors(module))
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name.rpartition(".")[2] not in PUBLISHED_EXTRAS
    }


def _checked_root(archive: zipfile.ZipFile, path: Path) -> str:
    infos = archive.infolist()
    programs = [info for info in infos if info.filename.endswith("/data.pkl")]
    if len(programs) != 1 or programs[0].file_size > _LARGEST_PROGRAM:
        raise UsageError(f"{path.name} does not hold one module description (data.pkl).")
    root = programs[0].filename.removesuffix("data.pkl")
    needed = [info for info in infos if info.filename.startswith(root + "data")]
    stored = all(info.compress_type == zipfile.ZIP_STORED for info in needed)
    if not stored or sum(info.file_size for info in needed) > path.stat().st_size:
        raise UsageError(f"{path.name} holds compressed tensors, which no such archive does.")
    return root


class _Storages:
    """The numbers of an archive, each block read once."""

    def __init__(self, read_block: Callable[[str], bytes]) -> None:
        self._read_block = read_block
        self._blocks: dict[str, Tensor] = {}

    def read(self, identity: tuple[Any, ...]) -> Tensor:
        kind, storage_type, key, _, numbers = identity
        if kind != "storage" or storage_type.text not in _DTYPES:
            raise UsageError(f"the archive asks for {identity!r}, which is no block of numbers.")
        if key not in self._blocks:
            content = bytearray(self._read_block(key))
            dtype = _DTYPES[storage_type.text]
            block = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0).to(dtype)
            if len(block) != numbers:
                raise UsageError(f"block {key} holds {len(block)} numbers, not {numbers}.")
            self._blocks[key] = block
        return self._blocks[key]


class _Machine:
    """Runs a module description on a stack of plain values."""

    def __init__(self, read_storage: Callable[[tuple[Any, ...]], Tensor]) -> None:
        self._read_storage = read_storage
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        """The value on the stack when the program stops."""
        for instruction, argument, _ in pickletools.genops(program):
            name = instruction.name
            if name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name]())
            elif name in _LITERALS:
                self._stack.append(argument)
            elif name.removeprefix("LONG_") in {"BINPUT", "BINGET"}:
                self._remember(name, argument)
            elif name == "GLOBAL":
                self._stack.append(_Name(str(argument)))
            elif name not in {"PROTO", "STOP"}:
                self._combine(name)
        return self._stack.pop()

    def _remember(self, name: str, slot: Any) -> None:
        if name.endswith("PUT"):
            self._memo[slot] = self._stack[-1]
        else:
            self._stack.append(self._memo[slot])

    def _combine(self, name: str) -> None:
        pop = self._stack.pop
        match name:
            case "TUPLE":
                self._stack.append(tuple(self._popped_to_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple([pop() for _ in range(int(name[-1]))][::-1]))
            case "APPEND" | "APPENDS":
                items = [pop()] if name == "APPEND" else self._popped_to_mark()
                self._stack[-1].extend(items)
            case "SETITEM" | "SETITEMS":
                items = [pop(), pop()][::-1] if name == "SETITEM" else self._popped_to_mark()
                self._stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "BINPERSID":
                self._stack.append(self._read_storage(pop()))
            case _:
                self._build(name)

    def _build(self, name: str) -> None:
        if name == "BUILD":
            state = self._stack.pop()
            self._stack[-1].update(state)
            return
        arguments, called = self._stack.pop(), self._stack.pop()
        if name == "NEWOBJ" and called.text.startswith("__torch__"):
            self._stack.append({})
        elif name == "REDUCE":
            self._stack.append(_rebuilt(called.text, arguments))
        else:
            raise UsageError(f"the archive uses {name}, which describes no module of tensors.")

    def _popped_to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]


_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "MARK": lambda: _MARK,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_LITERALS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"})


def _rebuilt(called: str, arguments: tuple[Any, ...]) -> Any:
    if called == "collections OrderedDict" and not arguments:
        return {}
    if called == "torch._utils _rebuild_tensor_v2":
        return _tensor(*arguments[:4])
    if called.startswith("torch.jit._pickle "):
        return arguments[0]
    raise UsageError(f"the archive asks to call {called!r}; only tensors are read.")


def _tensor(
    storage: Tensor, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> Tensor:
    if math.prod(shape) > len(storage):
        raise UsageError(f"a tensor of shape {shape} claims more numbers than are stored.")
    return storage.as_strided(shape, strides, offset)


def _tensors(module: Any) -> Iterator[tuple[str, Tensor]]:
    pending = [("", module)]
    for _ in range(_MOST_ATTRIBUTES):
        if not pending:
            return
        name, value = pending.pop()
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, dict):
            dotted = name + "." if name else ""
            pending.extend((f"{dotted}{key}", child) for key, child in value.items())
    raise UsageError("the archive describes a module that holds itself.")
