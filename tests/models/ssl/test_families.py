import argparse
from dataclasses import replace

import pytest
import torch
from tests.models.ssl.golden import (
    TOLERANCE,
    distance,
    layouts,
    made,
    tensor,
    without_module,
)
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl import families
from seewhy.models.ssl.families import FAMILIES, assembled, load_family
from seewhy.models.ssl.heads import DinoHead, without_weight_norm
from seewhy.models.ssl.layers import perceptron
from seewhy.models.ssl.simclr import SimClrResNet, SimClrShape


def simclr_parts(name):
    parts = layouts()[f"simclrv2_{name}"]
    return {part: made(parts[part], prefix=f"{part}.") for part in ("resnet", "head")}


@pytest.mark.parametrize("name", ["r50_1x_sk0", "r50_1x_sk1"])
def test_simclr_gives_the_published_maps_and_embeddings(name):
    encoder = assembled("simclr_v2", simclr_parts(name), source="golden")
    with torch.inference_mode():
        maps = encoder.features(tensor("input"))
        embedding = encoder(tensor("input"))
    assert tuple(maps.shape) == tuple(tensor(f"{name}_featmap_shape").tolist())
    assert distance(maps.mean(dim=(2, 3)), tensor(f"{name}_featmap_mean")) < TOLERANCE
    assert distance(embedding, tensor(f"{name}_embedding")) < TOLERANCE


def test_simsiam_goes_through_its_projection_and_then_its_predictor():
    weights = {"": made(without_module(layouts()["simsiam"]["state_dict"]))}
    whole = assembled("simsiam", weights, source="golden")
    stopped = assembled("simsiam-projection", weights, source="golden")
    views = torch.cat([tensor("input"), tensor("input").flip(-1)])
    with torch.inference_mode():
        pooled = whole.features(views).mean(dim=(2, 3))
        p, z = whole(views), stopped(views)
        shortcut = whole.head[1](pooled)
    assert distance(pooled[:1], tensor("simsiam_backbone")) < TOLERANCE
    assert distance(z[:1], tensor("simsiam_z")) < TOLERANCE
    assert distance(p[:1], tensor("simsiam_p")) < TOLERANCE
    loss = -functional.cosine_similarity(p, z.flip(0)).mean()
    assert distance(loss, tensor("simsiam_loss")) < TOLERANCE
    # What the published code explains instead, so that we would notice doing the same.
    assert distance(shortcut[:1], tensor("simsiam_ref_gradcam_path")) < TOLERANCE
    assert distance(p[:1], tensor("simsiam_ref_gradcam_path")) > 0.1


def checkpoint_layouts():
    found = layouts()
    dino = found["dino_resnet50_full"]["student/teacher"]
    return {
        "simclr_v2": {
            name.removeprefix("simclrv2_"): layout
            for name, layout in found.items()
            if name.startswith("simclr")
        },
        "barlow_twins": {"full": {"": without_module(found["barlow_twins"]["model"])}},
        "simsiam": {"full": {"": without_module(found["simsiam"]["state_dict"])}},
        "dino": {"full": {"teacher": without_module(dino)}},
        "dino-student": {"full": {"student": without_module(dino)}},
    }


LAYOUTS = [
    (family, name, parts)
    for family, named in checkpoint_layouts().items()
    for name, parts in named.items()
]


@pytest.mark.parametrize(
    ("family", "name", "parts"), LAYOUTS, ids=[f"{family} {name}" for family, name, _ in LAYOUTS]
)
def test_every_tensor_of_a_published_layout_finds_its_place(family, name, parts, monkeypatch):
    """On the meta device, as the largest of them holds hundreds of millions of numbers."""
    weights = {
        part: {
            key: torch.empty(shape, device="meta", dtype=torch.int64 if not shape else None)
            for key, shape in layout.items()
        }
        for part, layout in parts.items()
    }
    placed = []

    def only_built(build, held, *, source):
        with torch.device("meta"):
            module = build()
        assert {key: list(value.shape) for key, value in module.state_dict().items()} == {
            key: list(value.shape) for key, value in held.items()
        }
        placed.append(len(held))
        return module

    monkeypatch.setattr(families, "filled", only_built)
    assembled(family, weights, source=name)
    left_out = [
        key
        for layout in parts.values()
        for key in layout
        if key in ("fc.weight", "fc.bias") or key.startswith("bn.")
    ]
    assert sum(placed) + len(left_out) == sum(map(len, parts.values()))


def small_resnet(seed, **options):
    from torchvision.models.resnet import BasicBlock, ResNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResNet(BasicBlock, [1, 1, 1, 1], **options)
    for name, tensor_ in network.state_dict().items():
        if name.endswith("running_mean"):
            tensor_.copy_(torch.linspace(-0.1, 0.1, len(tensor_)))
    return network.eval()


def prefixed(prefix, module):
    return {f"{prefix}{name}": value for name, value in module.state_dict().items()}


def pixels(images=2):
    return torch.randn(images, 3, 64, 64, generator=torch.Generator().manual_seed(3))


def saved(tmp_path, content):
    torch.save(content, tmp_path / "checkpoint_0099.pth.tar")
    return tmp_path / "checkpoint_0099.pth.tar"


def embed(family, path):
    module, _ = load_family(family, path)
    with torch.inference_mode():
        return module(pixels())


def test_moco_takes_the_encoder_that_gradients_train(tmp_path):
    query, key = small_resnet(0, num_classes=16), small_resnet(1, num_classes=16)
    hidden = nn.Sequential(nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 16))
    for head, prefixes in (
        (None, ("encoder_q.", "encoder_k.")),
        (hidden, ("encoder_q.", "encoder_k.")),
        (hidden, ("base_encoder.", "momentum_encoder.")),
    ):
        if head is not None:
            query.fc, key.fc = head, nn.Linear(512, 16)
        state = prefixed(f"module.{prefixes[0]}", query) | prefixed(f"module.{prefixes[1]}", key)
        state |= {"module.queue": torch.ones(4, 8), "module.queue_ptr": torch.zeros(1)}
        path = saved(tmp_path, {"epoch": 200, "arch": "resnet50", "state_dict": state})
        with torch.inference_mode():
            assert_close(embed("moco", path), query(pixels()))


def test_a_backbone_is_found_under_the_usual_beginnings(tmp_path):
    network = small_resnet(0)
    bare = small_resnet(0)
    bare.fc = nn.Identity()
    for prefix in ("", "module.", "backbone.", "module.encoder_q.", "encoder."):
        path = saved(tmp_path, {"state_dict": prefixed(prefix, network)})
        with torch.inference_mode():
            assert_close(embed("backbone", path), bare(pixels()))


def dino_state(seed, last):
    network = small_resnet(seed)
    network.fc = nn.Identity()
    mlp = nn.Sequential(nn.Linear(512, 24), nn.BatchNorm1d(24), nn.GELU(), nn.Linear(24, 8)).eval()
    state = prefixed("module.backbone.", network) | prefixed("module.head.mlp.", mlp)
    return (
        network,
        mlp,
        state | {f"module.head.last_layer.{name}": value for name, value in last.items()},
    )


def test_dino_is_its_teacher_unless_the_student_is_asked_for(tmp_path):
    rows = torch.randn(50, 8, generator=torch.Generator().manual_seed(1))
    gain = torch.full((50, 1), 2.0)
    unit = functional.normalize(rows, dim=1)
    kept = {
        "weight": ({"weight": rows}, rows),
        "lengths": ({"weight_g": gain, "weight_v": rows}, 2 * unit),
        "parametrised": (
            {
                "parametrizations.weight.original0": gain,
                "parametrizations.weight.original1": rows,
            },
            2 * unit,
        ),
    }
    for last, matrix in kept.values():
        teacher, teacher_mlp, teacher_state = dino_state(0, last)
        student, student_mlp, student_state = dino_state(1, last)
        settings = argparse.Namespace(out_dim=50, use_bn_in_head=True)
        path = saved(
            tmp_path,
            {
                "student": student_state,
                "teacher": teacher_state,
                "args": settings,
                "epoch": 3,
                "dino_loss": {"center": torch.zeros(1, 50)},
            },
        )
        for family, network, mlp in (
            ("dino", teacher, teacher_mlp),
            ("dino-student", student, student_mlp),
        ):
            with torch.inference_mode():
                expected = functional.normalize(mlp(network(pixels())), dim=-1) @ matrix.T
            assert_close(embed(family, path), expected)


def test_the_dino_head_gives_the_published_logits_and_loss():
    from seewhy.models.ssl.layers import filled

    name = "dino_head_with_weight_norm(in16,out50,nlayers3,hidden24,bottleneck8,use_bn)"
    weights = without_weight_norm(made(layouts()[name]))
    head = filled(lambda: DinoHead(weights), weights, source="golden")
    with torch.inference_mode():
        assert distance(head(tensor("dinohead_in")), tensor("dinohead_out")) < TOLERANCE


def test_a_narrow_simclr_comes_back_from_its_file(tmp_path):
    shape = SimClrShape((1, 1, 1, 1), 8)
    for selective in (False, True):
        shape = replace(shape, is_selective=selective)
        network = SimClrResNet(shape).eval()
        assert SimClrShape.of(network.state_dict()) == shape
        head = nn.Sequential(
            nn.Linear(256, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 16)
        ).eval()
        content = {
            "resnet": network.state_dict() | {"fc.weight": torch.ones(10, 256)},
            "head": prefixed("layers.", head),
        }
        with torch.inference_mode():
            expected = head(network(pixels()).mean(dim=(2, 3)))
        assert_close(embed("simclr_v2", saved(tmp_path, content)), expected)


def test_simclr_sees_pixels_and_the_others_normalised_ones():
    assert FAMILIES["simclr_v2"].preprocessing.mean == (0, 0, 0)
    assert FAMILIES["simclr_v2"].preprocessing.std == (1, 1, 1)
    others = {family.preprocessing for name, family in FAMILIES.items() if name != "simclr_v2"}
    assert others == {Preprocessing(224, resize_to=256, interpolation="bilinear")}


def test_other_files_and_families_are_refused(tmp_path):
    path = saved(tmp_path, {"state_dict": {"fc.weight": torch.ones(2, 3)}})
    for family, message in (
        ("simclr", "no self-supervised family 'simclr'. Nearest: simclr_v2"),
        ("simclr_v2", "has no part 'resnet'; it holds state_dict"),
        ("barlow_twins", "holds no tensors under 'projector.'"),
        ("simsiam", "holds no tensors under 'fc.'"),
        ("moco", "holds no tensors under 'base_encoder.'"),
        ("dino", "has no part 'teacher'"),
        ("backbone", "hold no ResNet as torchvision names it"),
    ):
        with pytest.raises(UsageError, match=message):
            load_family(family, path)
    head = {"0.weight": torch.ones(3, 4, 5)}
    with pytest.raises(UsageError, match="a head holds linear layers and batch norms"):
        perceptron(head)
    with pytest.raises(UsageError, match="these weights are no ResNet of SimCLRv2"):
        SimClrShape.of({"net.0.0.weight": torch.ones(8, 3, 7, 7)})
