"""What a caption editor is made of, as the file beside its weights says it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from seewhy.base.errors import UsageError
from seewhy.models.editing.sources import SourceConfig

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_SHOWN = 5

Size = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class EditNetConfig(BaseModel):
    """Sizes of an EditNet: `features` is the width of a region, `words` the number of ids.

    `width` is that of word vectors, caption encoder and decoder. `selection` says how a memory is
    taken, see `select_memory`; `pointer` is ours, see `Pointer`.
    """

    model_config = _FROZEN

    kind: Literal["editnet"] = "editnet"
    width: Size = 1024
    attention: Size = 512
    features: Size = 2048
    words: Annotated[int, Field(ge=4)]
    dropout: Share = 0.5
    selection: Literal["hard", "soft"] = "hard"
    pointer: bool = False


class DcNetConfig(BaseModel):
    """Sizes of a DCNet, which sees no image: each direction of its encoder has half of `width`."""

    model_config = _FROZEN

    kind: Literal["dcnet"] = "dcnet"
    width: Size = Field(1024, multiple_of=2)
    attention: Size = 512
    words: Annotated[int, Field(ge=4)]
    dropout: Share = 0.5
    pointer: bool = False


class LookModifyConfig(BaseModel):
    """Sizes of a Look-and-Modify decoder: `width` is that of its states.

    `embedding` is the width of word vectors, `attention` that of the attention and of the
    sentence's embedding, which must be equal. `sentence` says where that embedding comes from:
    "given" with the inputs, "mean" or "ordered" from the caption's words, see `sentences`.
    """

    model_config = _FROZEN

    kind: Literal["look-modify"] = "look-modify"
    width: Size = 1000
    embedding: Size = 1000
    attention: Size = 512
    features: Size = 2048
    words: Annotated[int, Field(ge=4)]
    dropout: Share = 0.5
    sentence: Literal["given", "mean", "ordered"] = "given"


NetworkConfig = Annotated[
    EditNetConfig | DcNetConfig | LookModifyConfig, Field(discriminator="kind")
]
_NETWORK: TypeAdapter[EditNetConfig | DcNetConfig | LookModifyConfig] = TypeAdapter(NetworkConfig)


class EditorConfig(BaseModel):
    """The networks of an editor, their weights in the mean, and what it is given.

    Several networks are an ensemble; no `weights` are equal ones. `source` tells how features are
    made of an image. Of a caption `longest` words are read.
    """

    model_config = _FROZEN

    format: Literal["seewhy.editor/1"] = "seewhy.editor/1"
    networks: tuple[NetworkConfig, ...] = Field(min_length=1)
    weights: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = None
    source: SourceConfig
    longest: Size = 18

    @model_validator(mode="after")
    def _fitting(self) -> "EditorConfig":
        if self.weights is not None and len(self.weights) != len(self.networks):
            raise ValueError(f"{len(self.weights)} weights for {len(self.networks)} networks")
        words = {each.words for each in self.networks}
        if len(words) > 1:
            raise ValueError(f"networks of {_listed(words)} words; all must have the same")
        features = {each.features for each in self.networks if not isinstance(each, DcNetConfig)}
        if len(features) > 1:
            raise ValueError(f"networks of {_listed(features)} features; all must have the same")
        if features and self.source.width is not None and self.source.width not in features:
            raise ValueError(
                f"networks of {_listed(features)} features, a source of {self.source.width}"
            )
        return self

    @property
    def words(self) -> int:
        """The number of word ids."""
        return self.networks[0].words

    @property
    def features(self) -> int | None:
        """The width of a region; None where no network looks at the image."""
        found = (each.features for each in self.networks if not isinstance(each, DcNetConfig))
        return next(found, None)


def _listed(numbers: set[int]) -> str:
    return " and ".join(map(str, sorted(numbers)))


def network_config(**values: Any) -> EditNetConfig | DcNetConfig | LookModifyConfig:
    """A network's configuration of these values; `UsageError` says all that is wrong."""
    try:
        return _NETWORK.validate_python(values)
    except ValidationError as error:
        raise UsageError(f"no configuration of an editing network: {_faults(error)}.") from error


def editor_config(**values: Any) -> EditorConfig:
    """A configuration of these values; `UsageError` says all that is wrong with them."""
    try:
        return EditorConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"no configuration of an editor: {_faults(error)}.") from error


def read_config(path: Path) -> EditorConfig:
    """The configuration of a file; `UsageError` for anything else."""
    try:
        return EditorConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{path.name} is no configuration of an editor: {_faults(error)}. Wanted is a file "
            "of the format seewhy.editor/1, as `save_editor` writes it."
        ) from error


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'all of it'}: {fault['msg']}"
        for fault in faults[:_SHOWN]
    )
