"""OpenAI's archive layout, and archives made to misuse its reader."""

import io
import struct
import warnings
import zipfile

import pytest
import torch
from open_clip.model import CLIP, convert_weights_to_fp16
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.archives import PUBLISHED_EXTRAS, is_archive, read_archive

TEXT = {"context_length": 8, "vocab_size": 20, "width": 64, "heads": 1, "layers": 1}
RESNET = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 32, "patch_size": None}
VIT = {"layers": 2, "width": 64, "image_size": 32, "patch_size": 16}


def published(vision, *, half):
    """An archive as OpenAI made them: traced, with three numbers among the buffers."""
    torch.manual_seed(0)
    model = CLIP(16, vision_cfg=vision, text_cfg=TEXT, quick_gelu=True).eval()
    if half:
        convert_weights_to_fp16(model)
    weights = model.state_dict()
    for number in ("input_resolution", "context_length", "vocab_size"):
        model.__dict__.pop(number, None)
        model.register_buffer(number, torch.tensor(32))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if half:
            scripted = torch.jit.script(_Holder(model.state_dict()))
        else:
            inputs = torch.ones(1, 3, 32, 32), torch.zeros(1, 8, dtype=torch.int)
            scripted = torch.jit.trace(model, inputs, check_trace=False)
        torch.jit.save(scripted, buffer)
    return buffer.getvalue(), weights


class _Holder(nn.Module):
    """Half-precision modules cannot be traced on every processor; their tensors can be held."""

    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            *path, last = name.split(".")
            owner = self
            for part in path:
                if not hasattr(owner, part):
                    owner.add_module(part, nn.Module())
                owner = getattr(owner, part)
            owner.register_buffer(last, tensor)

    def forward(self, x):
        return x


@pytest.mark.parametrize("vision", [RESNET, VIT], ids=["resnet", "vit"])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_every_weight_comes_back_bit_for_bit(tmp_path, vision, half):
    content, weights = published(vision, half=half)
    path = tmp_path / "RN50.pt"
    path.write_bytes(content)
    read = read_archive(path)
    assert is_archive(path)
    assert read.keys() == weights.keys()
    for name, tensor in weights.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor), name


def test_numbers_that_are_no_weights_are_left_out(tmp_path):
    content, _ = published(VIT, half=False)
    path = tmp_path / "vit.pt"
    path.write_bytes(content)
    assert not {name.rpartition(".")[2] for name in read_archive(path)} & PUBLISHED_EXTRAS


def test_lists_and_options_of_scripted_modules_are_passed_over(tmp_path):
    class Scripted(nn.Module):
        sizes: list[int]

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
            self.sizes = [3, 70_000, 2**40]
            self.scale = 0.5
            self.note = "π"

        def forward(self, x):
            return x @ self.weight * self.scale + len(self.sizes) + len(self.note)

    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Scripted()), str(path))
    (weight,) = read_archive(path).values()
    assert torch.equal(weight, torch.arange(6.0).reshape(2, 3).T)


def test_a_saved_state_dict_is_no_archive(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.ones(2)}, path)
    assert not is_archive(path)
    (tmp_path / "text.pt").write_text("hello")
    assert not is_archive(tmp_path / "text.pt")


def archive(path, program, *, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("x/data.pkl", program)
        file.writestr("x/constants.pkl", b"")
        for name, content in members.items():
            file.writestr(f"x/{name.replace('__', '/')}", content)
    return path


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


MODULE = b"\x80\x02" + name("__torch__", "M") + b")\x81}("
STORAGE = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu")
NO_HOOKS = b"\x89" + name("collections", "OrderedDict") + b")R"


def tensor_program(*, offset=0, shape=b"K\x02\x85", strides=b"K\x01\x85", count=2, storage=STORAGE):
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    block = storage + b"K" + bytes([count]) + b"tQ"
    tensor = rebuild + b"(" + block + b"K" + bytes([offset]) + shape + strides + NO_HOOKS + b"tR"
    return MODULE + text("weight") + tensor + b"ub."


TWO_NUMBERS = struct.pack("<2f", 1.5, -2)


def test_a_program_written_by_hand_is_read(tmp_path):
    path = archive(tmp_path / "a.pt", tensor_program(), data__0=TWO_NUMBERS, byteorder=b"little")
    assert read_archive(path)["weight"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (tensor_program(shape=b"M\xff\xff\x85", strides=b"K\x00\x85"), "claims more numbers"),
        (tensor_program(count=3), "holds 2 numbers, not 3"),
        (tensor_program(storage=STORAGE.replace(b"FloatStorage", b"Quantum")), "no block of"),
        (tensor_program(storage=STORAGE.replace(b"storage", b"program", 1)), "no block of"),
        (b"\x80\x02" + name("os", "system") + text("touch canary") + b"\x85R.", "'os system'"),
        (b"\x80\x02" + name("builtins", "eval") + b")\x81.", "NEWOBJ"),
        (b"\x80\x02" + name("os", "system") + b"(o.", "OBJ"),
    ],
)
def test_what_is_no_module_of_tensors_is_refused(tmp_path, program, message):
    path = archive(tmp_path / "a.pt", program, data__0=TWO_NUMBERS)
    with pytest.raises(UsageError, match=message):
        read_archive(path)
    assert not (tmp_path / "canary").exists()


def test_tensors_that_leave_their_storage_are_refused(tmp_path):
    path = archive(tmp_path / "a.pt", tensor_program(offset=1), data__0=TWO_NUMBERS)
    with pytest.raises(RuntimeError, match="out of bounds"):
        read_archive(path)


def test_a_module_that_holds_itself_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("seewhy.models.archives._MOST_ATTRIBUTES", 1000)
    program = b"\x80\x02}q\x00" + text("me") + b"h\x00s."
    with pytest.raises(UsageError, match="holds itself"):
        read_archive(archive(tmp_path / "a.pt", program))


def test_compressed_bombs_are_refused_before_they_unfold(tmp_path):
    path = archive(
        tmp_path / "a.pt", tensor_program(), compression=zipfile.ZIP_DEFLATED, data__0=bytes(10**6)
    )
    with pytest.raises(UsageError, match="compressed"):
        read_archive(path)


def test_an_archive_without_or_with_two_programs_is_refused(tmp_path):
    path = archive(tmp_path / "a.pt", tensor_program(), y__data__pkl=b"")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("y/data.pkl", b"N.")
    with pytest.raises(UsageError, match="one module description"):
        read_archive(path)


def test_big_endian_archives_are_refused(tmp_path):
    path = archive(tmp_path / "a.pt", tensor_program(), data__0=TWO_NUMBERS, byteorder=b"big")
    with pytest.raises(UsageError, match="big-endian"):
        read_archive(path)


def test_lists_and_empty_blocks_are_understood(tmp_path):
    empty = tensor_program(shape=b"K\x00\x85", count=0)
    path = archive(tmp_path / "a.pt", empty, data__0=b"")
    assert read_archive(path)["weight"].shape == (0,)
    listing = MODULE + text("sizes") + b"]K\x01a(K\x02K\x03eub."
    assert read_archive(archive(tmp_path / "b.pt", listing)) == {}
    pair = MODULE + text("pair") + b"K\x01K\x02\x86" + text("three") + b"K\x01K\x02K\x03\x87ub."
    assert read_archive(archive(tmp_path / "c.pt", pair)) == {}
