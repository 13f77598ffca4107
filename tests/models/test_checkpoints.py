"""Weights files: what is read, what is refused, and that nothing in them runs."""

import argparse
import json
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import (
    fit_weights,
    misfits,
    read_weights,
    weights_hash,
    write_weights,
)

WEIGHTS = {"0.weight": torch.arange(6.0).reshape(2, 3), "0.bias": torch.tensor([1.0, -1.0])}


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".PT"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_saved_by_torch_is_read(tmp_path, suffix, zipped):
    path = tmp_path / f"weights{suffix}"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=zipped)
    assert_equal(read_weights(path), WEIGHTS)


def test_safetensors_are_read_also_by_text_path(tmp_path):
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    assert_equal(read_weights(str(tmp_path / "w.safetensors")), WEIGHTS)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: {"state_dict": w, "epoch": 3},
        lambda w: {"model": OrderedDict(w), "lr": 0.1},
        lambda w: {"model_state_dict": w},
        lambda w: {"model": {"state_dict": w}},
        lambda w: {f"module.{name}": tensor for name, tensor in w.items()},
        lambda w: {"state_dict": {f"_orig_mod.module.{k}": v for k, v in w.items()}},
        lambda w: {name: nn.Parameter(tensor) for name, tensor in w.items()},
    ],
)
def test_the_wrappings_of_training_scripts_are_taken_off(tmp_path, wrap):
    torch.save(wrap(WEIGHTS), tmp_path / "w.pt")
    read = read_weights(tmp_path / "w.pt")
    assert_equal(read, WEIGHTS)
    assert not any(tensor.requires_grad for tensor in read.values())


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "suffix", [".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".npy", ".pkl", ""]
)
@pytest.mark.parametrize("zipped", [True, False, None])
def test_code_in_a_file_never_runs(tmp_path, suffix, zipped):
    canary, path = tmp_path / "canary", tmp_path / f"weights{suffix}"
    if zipped is None:
        path.write_bytes(pickle.dumps(Canary(canary)))
    else:
        torch.save({"w": Canary(canary)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UsageError, match=r"weights"):
        read_weights(path)
    assert not canary.exists()
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists(), "the canary itself works"


def test_an_object_array_never_runs(tmp_path):
    canary = tmp_path / "canary"
    np.save(tmp_path / "w.npy", np.array([Canary(canary)], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="no known kind"):
        read_weights(tmp_path / "w.npy")
    assert not canary.exists()


def test_code_in_an_archive_never_runs(tmp_path):
    import zipfile

    canary, path = tmp_path / "canary", tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w/data.pkl", pickle.dumps(Canary(canary), protocol=2))
        file.writestr("w/constants.pkl", b"")
    with pytest.raises(UsageError, match=r"only tensors are read|cannot be read"):
        read_weights(path)
    assert not canary.exists()


def test_a_whole_module_is_refused_with_the_way_out(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(UsageError, match=r"save `model.state_dict\(\)` with safetensors"):
        read_weights(tmp_path / "w.pt")


def safetensors_bytes(header, body=b"", length=None):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a weights file",
        safetensors_bytes({}, length=10**12),
        safetensors_bytes({"w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}, bytes(4)),
        safetensors_bytes(
            {
                "v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "w": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]},
            },
            bytes(6),
        ),
    ],
    ids=["empty", "text", "giant header", "lying shape", "overlap"],
)
def test_damaged_safetensors_are_refused(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match=r"damaged"):
        read_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    torch.save(WEIGHTS, whole) if suffix == ".pt" else save_file(WEIGHTS, whole)
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UsageError, match="damaged"):
        read_weights(path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: torch.tensor([1.0, float("nan")]), "NaN or infinite: v"),
        (lambda: torch.tensor([float("inf")]), "NaN or infinite: v"),
        (lambda: torch.tensor([float("nan")]).to(torch.float8_e5m2), "NaN or infinite: v"),
        (lambda: torch.empty(0, 3), "empty: v"),
        (lambda: torch.eye(2).to_sparse(), "sparse"),
        (
            lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            "sparse, quantised",
        ),
        (lambda: torch.ones(2, device="meta"), "without data"),
        (lambda: "text", "no tensors: v"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_no_model_can_use_are_refused_by_name(tmp_path, bad, message):
    torch.save({"w": torch.ones(1), "v": bad()}, tmp_path / "w.pt")
    with pytest.raises(UsageError, match=message):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [{}, [torch.ones(1)], torch.ones(1), {"state_dict": {}}])
def test_what_is_no_dictionary_of_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UsageError, match="not tensors by name"):
        read_weights(tmp_path / "w.pt")


def test_many_names_are_shortened(tmp_path):
    torch.save({f"t{n}": torch.empty(0) for n in range(8)}, tmp_path / "w.pt")
    with pytest.raises(UsageError, match="t4 and 3 more"):
        read_weights(tmp_path / "w.pt")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UsageError, match="no weights file"):
        read_weights(tmp_path / "w.pt")


def test_fitting_copies_every_number_in_the_modules_precision():
    module = nn.Sequential(nn.Linear(3, 2))
    fit_weights(module, {k: v.half() for k, v in WEIGHTS.items()}, source="w")
    assert_equal(dict(module.state_dict()), WEIGHTS)
    assert module[0].weight.dtype == torch.float32


def test_all_differences_are_listed():
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    weights = {
        "0.weight": torch.ones(2, 4),
        "0.bias": torch.ones(2, dtype=torch.int64),
        "1.weight": torch.ones(2, 2),
        "2.weight": torch.ones(1),
    }
    found = misfits(module, weights)
    assert found
    assert (found.missing, found.extra) == (("1.bias",), ("2.weight",))
    assert set(found.misshaped) == {"0.weight", "0.bias"}
    before = weights_hash(module)
    with pytest.raises(
        UsageError, match=r"1 missing: 1\.bias; 1 extra: 2\.weight; 2 misshaped"
    ) as e:
        fit_weights(module, weights, source="w.pt")
    assert "0.weight (float32 (2, 4), wanted float32 (2, 3))" in str(e.value)
    assert "0.bias (int64 (2,), wanted float32 (2,))" in str(e.value)
    assert weights_hash(module) == before


def test_old_batch_norms_without_counters_fit():
    module = nn.BatchNorm2d(2)
    weights = {k: v for k, v in module.state_dict().items() if k != "num_batches_tracked"}
    assert not misfits(module, weights)
    fit_weights(module, weights, source="w")


def test_the_hash_sees_names_types_shapes_and_numbers_and_nothing_else():
    base = weights_hash(WEIGHTS)
    assert base == weights_hash(dict(reversed(WEIGHTS.items())))
    assert base == weights_hash(
        {k: v.mT.contiguous().mT for k, v in WEIGHTS.items() if v.ndim == 2}
        | {"0.bias": WEIGHTS["0.bias"]}
    )
    module = nn.Sequential(nn.Linear(3, 2))
    module.load_state_dict(WEIGHTS)
    assert base == weights_hash(module)
    others = [
        {"0.weight": WEIGHTS["0.weight"]},
        {"1.weight": WEIGHTS["0.weight"], "0.bias": WEIGHTS["0.bias"]},
        {**WEIGHTS, "0.bias": torch.tensor([1.0, -1.5])},
        {**WEIGHTS, "0.bias": WEIGHTS["0.bias"].view(torch.int32)},
        {**WEIGHTS, "0.weight": WEIGHTS["0.weight"].reshape(3, 2)},
        {**WEIGHTS, "scale": torch.tensor(1.0)},
    ]
    assert len({base, *map(weights_hash, others)}) == len(others) + 1


def test_what_is_written_is_read_back(tmp_path):
    shared = torch.arange(4.0)
    tensors = {"a": shared, "b": shared[::2], "c": torch.tensor(2.0, requires_grad=True)}
    write_weights(tmp_path / "w.safetensors", tensors, metadata={"format": "pt"})
    assert_equal(load_file(tmp_path / "w.safetensors"), tensors)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    write_weights(path, WEIGHTS)
    old = path.read_bytes()

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(UsageError, match=r"cannot write .*No space left"):
        write_weights(path, {"w": torch.zeros(1)})
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_writing_into_no_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        write_weights(tmp_path / "nowhere" / "w.safetensors", WEIGHTS)


def test_of_a_file_with_several_models_one_part_is_read(tmp_path):
    teacher, student = {"a.weight": torch.ones(2)}, {"a.weight": torch.zeros(2)}
    nested = {
        "teacher": {f"module.{name}": value for name, value in teacher.items()},
        "student": {"state_dict": student},
        "args": argparse.Namespace(epochs=3, name="run"),
        "epoch": 7,
    }
    torch.save(nested, tmp_path / "checkpoint.pth.tar")
    flat = {f"{part}.{name}": nested[part][name] for part in ["teacher"] for name in nested[part]}
    write_weights(tmp_path / "flat.safetensors", flat | {"student.a.weight": torch.zeros(2)})
    for file in ("checkpoint.pth.tar", "flat.safetensors"):
        assert_equal(read_weights(tmp_path / file, part="teacher"), teacher)
        assert_equal(read_weights(tmp_path / file, part="student"), student)
        with pytest.raises(UsageError, match="has no part 'head'; it holds"):
            read_weights(tmp_path / file, part="head")
