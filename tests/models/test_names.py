"""The grammar of model names."""

from pathlib import Path

import pytest

from seewhy.base.errors import UsageError
from seewhy.models.names import ModelName, suggestion


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("open_clip:RN50/openai", ("open_clip", "RN50", "openai", None)),
        ("open_clip:ViT-B/32/openai", ("open_clip", "ViT-B/32", "openai", None)),
        ("open_clip:RN50", ("open_clip", "RN50", "", None)),
        ("timm:resnet50.a1_in1k", ("timm", "resnet50.a1_in1k", "", None)),
        ("timm:resnet50@/a/b@c.pt", ("timm", "resnet50", "", Path("/a/b@c.pt"))),
        ("torchvision:vgg11@w/x.bin", ("torchvision", "vgg11", "", Path("w/x.bin"))),
        ("open_clip-dir:/a/b", ("open_clip-dir", "", "", Path("/a/b"))),
        ("classifier-dir:a:b", ("classifier-dir", "", "", Path("a:b"))),
        ("embedded:clip-vit", ("embedded", "clip-vit", "", None)),
        ("file:/a?b.pt?arch=timm:vgg11", ("timm", "vgg11", "", Path("/a?b.pt"))),
    ],
)
def test_a_name_is_taken_apart(text, parts):
    name = ModelName.parse(text)
    assert (name.family, name.architecture, name.weights, name.path) == parts


def test_a_file_with_an_architecture_is_another_way_of_saying_at():
    one = ModelName.parse("file:/w.pt?arch=torchvision:resnet18")
    assert one == ModelName.parse("torchvision:resnet18@/w.pt")


def test_homes_are_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/reader")
    assert ModelName.parse("classifier-dir:~/x").path == Path("/home/reader/x")
    assert ModelName.parse("timm:vgg11@~/x.pt").path == Path("/home/reader/x.pt")


def test_random_weights_are_said_in_words():
    assert ModelName.parse("timm:vgg11/random-weights").is_random
    assert not ModelName.parse("timm:vgg11").is_random
    assert ModelName.parse("timm:vgg11/random-weights").base == "timm:vgg11"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet50", "no model family"),
        ("torchvison:resnet50", "Nearest: torchvision"),
        ("timm:", "names no model"),
        ("file:/w.pt", "which architecture"),
        ("file:/w.pt?arch=resnet18", "which architecture"),
        ("file:/w.pt?arch=classifier-dir:x", "which architecture"),
        ("file:/w.pt?arch=timm:", "which architecture"),
    ],
)
def test_what_is_no_name_is_refused_with_the_way_to_write_it(text, message):
    with pytest.raises(UsageError, match=message):
        ModelName.parse(text)


def test_the_nearest_names_keep_their_case_and_the_far_ones_stay_out():
    assert suggestion("rn5O", ["RN50", "RN101", "ViT-B-16"]).startswith("Nearest: RN50")
    assert suggestion("zzz", ["RN50"]) == ""


def test_a_bare_folder_is_told_its_family(tmp_path):
    with pytest.raises(UsageError, match=f"is a folder. Write classifier-dir:{tmp_path}"):
        ModelName.parse(str(tmp_path))
