"""What a narrator is made of, as the file beside its weights says it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seewhy.base.errors import UsageError
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.preprocessing import Preprocessing

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ConvTowerConfig(BaseModel):
    """A small convolutional network, trained together with the words.

    Each stage halves the sides; `channels` are those after each, the last the tokens' width.
    """

    model_config = _FROZEN

    kind: Literal["convolutions"] = "convolutions"
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field((32, 64, 128), min_length=1)


class EncoderTowerConfig(BaseModel):
    """The image part of a model that `load_model` or `load_image_encoder` loads by `name`.

    Of a frozen one the weights stay where they are, and `weights` is their digest; one that is
    trained too is stored with the narrator. `width` is the width of its tokens.
    """

    model_config = _FROZEN

    kind: Literal["encoder"] = "encoder"
    name: str
    is_frozen: bool = True
    width: int | None = Field(None, ge=1)
    weights: str | None = None


class FeaturesTowerConfig(BaseModel):
    """No tower: image tokens of this width come from elsewhere, such as from a file."""

    model_config = _FROZEN

    kind: Literal["features"] = "features"
    width: int = Field(ge=1)


TowerConfig = Annotated[
    ConvTowerConfig | EncoderTowerConfig | FeaturesTowerConfig, Field(discriminator="kind")
]


class NarratorConfig(BaseModel):
    """Sizes of the decoder, the image tower, and how images and records are brought in.

    `width`, `blocks`, `heads` and `positions` are GPT-2's. `grid_code` "sine" adds a code of rows
    and columns to the image tokens before the words look at them; "none" is as published.
    `prompts` are questions by task, in the form of `data.narration.prompts`, where the model was
    trained on other ones than these. `cut` and `published_noobject` are those of `RowMaker`.
    """

    model_config = _FROZEN

    format: Literal["seewhy.narrator/1"] = "seewhy.narrator/1"
    width: int = Field(ge=1)
    blocks: int = Field(ge=1)
    heads: int = Field(ge=1)
    positions: int = Field(1024, ge=2)
    dropout: float = Field(0.1, ge=0, lt=1)
    tower: TowerConfig
    grid_code: Literal["none", "sine"] = "none"
    layout: RowLayout
    cut: Literal["mended", "published"] = "mended"
    published_noobject: bool = False
    preprocessing: Preprocessing
    prompts: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fitting(self) -> "NarratorConfig":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        if self.grid_code == "sine" and self.width % 4:
            raise ValueError(f"width {self.width} is no multiple of 4, as the grid code needs")
        if self.layout.longest > self.positions:
            raise ValueError(
                f"rows of {self.layout.longest} tokens do not fit {self.positions} positions"
            )
        return self

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the pixels that the tower gets."""
        size = self.preprocessing.size
        return (size, size) if isinstance(size, int) else size


def narrator_config(**values: Any) -> NarratorConfig:
    """A configuration of these values; `UsageError` says all that is wrong with them."""
    try:
        return NarratorConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"no configuration of a narrator: {_faults(error)}.") from error


def read_config(path: Path) -> NarratorConfig:
    """The configuration of a file; `UsageError` for anything else."""
    try:
        return NarratorConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{path.name} is no configuration of a narrator: {_faults(error)}. Wanted is a file "
            "of the format seewhy.narrator/1, as `save_narrator` writes it."
        ) from error


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'all of it'}: {fault['msg']}" for fault in faults[:5]
    )
