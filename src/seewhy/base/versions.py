"""Which software made a result."""

import platform
from importlib import metadata

_LIBRARIES = (
    "seewhy", "torch", "torchvision", "open_clip_torch", "timm", "numpy", "scipy", "Pillow",
    "scikit-learn",
)  # fmt: skip


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can change a number."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
