import platform
from importlib import metadata

import numpy as np
import torch

from seewhy.base import versions


def test_versions_are_those_of_the_running_libraries():
    found = versions.library_versions()
    assert found["python"] == platform.python_version()
    assert found["torch"] == metadata.version("torch")
    assert torch.__version__.startswith(found["torch"].split("+")[0])
    assert found["numpy"] == np.__version__
    assert {"seewhy", "torchvision", "open_clip_torch", "timm", "scipy", "Pillow"} <= set(found)


def test_a_missing_library_is_named_and_not_an_error(monkeypatch):
    installed = metadata.version

    def without_timm(name):
        if name == "timm":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(versions.metadata, "version", without_timm)
    found = versions.library_versions()
    assert found["timm"] == "not installed"
    assert found["torch"] == installed("torch")
