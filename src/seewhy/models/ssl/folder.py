"""Small encoders as folders: `image_encoder.json`, `model.safetensors` and `card.md`."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import fit_weights, read_weights, write_weights
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.pooled import PooledEncoder
from seewhy.models.ssl.small import SmallConfig, small_encoder

CONFIG_FILE = "image_encoder.json"
WEIGHTS_FILE = "model.safetensors"
_SHIPPED = Path(__file__).parents[1] / "embedded"
EMBEDDED_IMAGE_ENCODERS = tuple(
    sorted(path.parent.name for path in _SHIPPED.glob(f"ssl-*/{CONFIG_FILE}"))
)
"""What ships with the package."""


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    architecture: SmallConfig
    preprocessing: dict[str, Any]


def embedded_image_folder(name: str) -> Path:
    """The folder of an embedded image encoder inside the package."""
    if name not in EMBEDDED_IMAGE_ENCODERS:
        raise UsageError(
            f"no embedded image encoder {name!r}; there are {', '.join(EMBEDDED_IMAGE_ENCODERS)}."
        )
    return _SHIPPED / name


def save_folder(
    folder: Path, module: PooledEncoder, config: SmallConfig, *, preprocessing: Preprocessing
) -> None:
    """Write configuration and half-precision weights."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in module.state_dict().items()
    }
    write_weights(folder / WEIGHTS_FILE, halves, metadata={"format": "pt"})
    content = {"architecture": config.config(), "preprocessing": preprocessing.config()}
    (folder / CONFIG_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_folder(folder: Path) -> tuple[PooledEncoder, Preprocessing]:
    """The encoder of a folder, in evaluation mode and float32, with its preprocessing.

    Raises `UsageError` for a folder without configuration, or whose weights do not fit it.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no {CONFIG_FILE}. Name a folder written by `seewhy train ssl`."
        )
    try:
        stored = _Stored.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{path} is no configuration of an image encoder: {error}.") from error
    module = small_encoder(stored.architecture)
    fit_weights(module, read_weights(folder / WEIGHTS_FILE), source=str(folder / WEIGHTS_FILE))
    return module.eval(), Preprocessing.from_config(stored.preprocessing)
