"""Editors as folders: `editor.json`, `vocabulary.json`, `model.safetensors` and `card.md`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.models.checkpoints import fit_weights, read_weights, write_weights
from seewhy.models.editing.building import Network, unfilled_network
from seewhy.models.editing.config import EditorConfig, read_config
from seewhy.models.editing.words import EditVocabulary, edit_vocabulary
from seewhy.results.files import write_json, write_text

CONFIG_FILE = "editor.json"
WORDS_FILE = "vocabulary.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.md"
_SHIPPED = Path(__file__).parents[1] / "embedded"


@dataclass(frozen=True, eq=False)
class EditorParts:
    """What an editor is made of: the networks as `config.networks` lists them, and the words.

    `UsageError` where they do not belong together.
    """

    config: EditorConfig
    vocabulary: EditVocabulary
    networks: tuple[Network, ...]

    def __post_init__(self) -> None:
        if self.vocabulary.size != self.config.words:
            raise UsageError(
                f"a vocabulary of {self.vocabulary.size} ids, and networks of "
                f"{self.config.words}. Take the vocabulary that they were trained with."
            )
        if [each.config for each in self.networks] != list(self.config.networks):
            raise UsageError("the networks are not those that the configuration lists.")


def save_editor(
    folder: Path, parts: EditorParts, *, halves: bool = False, card: str | None = None
) -> None:
    """Write an editor's folder; weights in half precision with `halves`.

    The encoder that features come from is not stored: it is loaded by its name again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = stored_weights(parts.networks)
    if halves:
        weights = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
        }
    write_text(folder / WORDS_FILE, parts.vocabulary.to_json())
    write_weights(folder / WEIGHTS_FILE, weights, metadata={"format": "pt"})
    if card is not None:
        write_text(folder / CARD_FILE, card)
    # Last, as a folder without it is no editor.
    write_json(folder / CONFIG_FILE, parts.config.model_dump(mode="json"))


def stored_weights(networks: Sequence[Network]) -> dict[str, Tensor]:
    """The tensors of all networks, each under the place of its network."""
    return {
        f"networks.{place}.{name}": tensor
        for place, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }


def load_editor_parts(source: Path | str) -> EditorParts:
    """The parts of an editor, in evaluation mode and float32 on the CPU.

    `source` is a folder that `save_editor` wrote, or "embedded:NAME" for one that ships with the
    package. No code of a file is run. `UsageError` for anything else.
    """
    folder = _folder(source)
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"{shown(folder)} holds no {CONFIG_FILE}. Name a folder written by `seewhy train "
            "editor`; `load_published` reads weights as they were published."
        )
    config = read_config(folder / CONFIG_FILE)
    words = _read_words(folder / WORDS_FILE)
    networks = tuple(unfilled_network(each) for each in config.networks)
    weights = folder / WEIGHTS_FILE
    fill_weights(networks, read_weights(weights), source=shown(weights))
    return EditorParts(config, words, networks)


def fill_weights(networks: Sequence[Network], weights: dict[str, Tensor], *, source: str) -> None:
    """Copy tensors as `stored_weights` gives them into networks; all must fit."""
    beginnings = tuple(f"networks.{place}." for place in range(len(networks)))
    strange = [name for name in weights if not name.startswith(beginnings)]
    if strange:
        raise UsageError(
            f"{source} holds {strange[0]}, which belongs to none of {len(networks)} networks. "
            "Take the weights that belong to the configuration."
        )
    for network, beginning in zip(networks, beginnings, strict=True):
        own = {
            name.removeprefix(beginning): tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
            if name.startswith(beginning)
        }
        fit_weights(network, own, source=source)


def embedded_editors() -> tuple[str, ...]:
    """The names of the editors that ship with the package."""
    return tuple(sorted(path.parent.name for path in _SHIPPED.glob(f"*/{CONFIG_FILE}")))


def _folder(source: Path | str) -> Path:
    family, colon, name = str(source).partition(":")
    if family != "embedded" or not colon:
        return Path(source).expanduser()
    if name not in embedded_editors():
        raise UsageError(
            f"no embedded editor {name!r}; there are {', '.join(embedded_editors()) or 'none'}."
        )
    return _SHIPPED / name


def _read_words(path: Path) -> EditVocabulary:
    try:
        return edit_vocabulary(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{shown(path)} cannot be read ({type(error).__name__}). An editor's folder holds the "
            "words that it was trained with."
        ) from error
