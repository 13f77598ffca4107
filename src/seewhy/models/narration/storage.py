"""Narrators as folders: `narrator.json`, the tokenizer, `model.safetensors` and `card.md`."""

import json
from pathlib import Path

from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.models.checkpoints import fit_weights, read_weights, write_weights
from seewhy.models.narration import published
from seewhy.models.narration.config import EncoderTowerConfig, NarratorConfig, read_config
from seewhy.models.narration.gpt2 import Gpt2Tokenizer
from seewhy.models.narration.narrator import Narrator, build_narrator
from seewhy.models.narration.published import PUBLISHED_TOWER
from seewhy.models.narration.tokens import NarrationTokenizer, WordTokenizer, word_tokenizer

CONFIG_FILE = "narrator.json"
WORDS_FILE = "vocabulary.json"
PIECES_FOLDER = "tokenizer"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.md"
_SHIPPED = Path(__file__).parents[1] / "embedded"
_TIED = "decoder.lm_head.weight"


def save_narrator(
    folder: Path, narrator: Narrator, *, halves: bool = False, card: str | None = None
) -> None:
    """Write a narrator's folder; weights in half precision with `halves`.

    The weights of a frozen encoder's tower are not stored: it is loaded by its name again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = stored_weights(narrator)
    if halves:
        weights = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
        }
    _write_tokenizer(folder, narrator.tokenizer)
    write_weights(folder / WEIGHTS_FILE, weights, metadata={"format": "pt"})
    if card is not None:
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
    stored = narrator.config.model_dump(mode="json")
    # Last, as a folder without it is no narrator.
    (folder / CONFIG_FILE).write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def stored_weights(narrator: Narrator) -> dict[str, Tensor]:
    """The tensors that make up the narrator, without what is stored elsewhere or twice."""
    left_out = ("tower.",) if _is_elsewhere(narrator.config) else ()
    return {
        name: tensor
        for name, tensor in narrator.state_dict().items()
        if name != _TIED and not name.startswith(left_out)
    }


def _is_elsewhere(config: NarratorConfig) -> bool:
    return isinstance(config.tower, EncoderTowerConfig) and config.tower.is_frozen


def load_narrator(source: Path | str, *, tower: str | None = PUBLISHED_TOWER) -> Narrator:
    """A narrator in evaluation mode and float32 on the CPU.

    `source` is a folder that `save_narrator` wrote, "embedded:NAME" for one that ships with the
    package, or the folder of a published checkpoint, to which `tower` belongs: see
    `load_published`. No code of a file is run.
    """
    folder = _folder(source)
    if (folder / CONFIG_FILE).is_file():
        return _load_stored(folder)
    if (folder / published.CONFIG_FILE).is_file():
        return published.load_published(folder, tower=tower)
    raise UsageError(
        f"{shown(folder)} holds neither {CONFIG_FILE} nor {published.CONFIG_FILE}. Name a folder "
        "written by `seewhy train narrator`, or that of a published checkpoint."
    )


def embedded_narrators() -> tuple[str, ...]:
    """The names of the narrators that ship with the package."""
    return tuple(sorted(path.parent.name for path in _SHIPPED.glob(f"*/{CONFIG_FILE}")))


def _folder(source: Path | str) -> Path:
    family, colon, name = str(source).partition(":")
    if family != "embedded" or not colon:
        return Path(source).expanduser()
    if name not in embedded_narrators():
        raise UsageError(
            f"no embedded narrator {name!r}; there are {', '.join(embedded_narrators()) or 'none'}."
        )
    return _SHIPPED / name


def _load_stored(folder: Path) -> Narrator:
    narrator = build_narrator(read_config(folder / CONFIG_FILE), _read_tokenizer(folder))
    weights = folder / WEIGHTS_FILE
    fill_weights(narrator, read_weights(weights), source=shown(weights))
    return narrator.eval()


def fill_weights(narrator: Narrator, weights: dict[str, Tensor], *, source: str) -> None:
    """Copy tensors as `stored_weights` gives them into a narrator; all must fit."""
    elsewhere = {
        name: tensor
        for name, tensor in narrator.state_dict().items()
        if name.startswith("tower.") and _is_elsewhere(narrator.config)
    }
    words = weights.get("decoder.transformer.wte.weight")
    tied = {} if words is None else {_TIED: words}
    fit_weights(narrator, {**weights, **elsewhere, **tied}, source=source)


def _write_tokenizer(folder: Path, tokenizer: NarrationTokenizer) -> None:
    if isinstance(tokenizer, WordTokenizer):
        (folder / WORDS_FILE).write_text(tokenizer.to_json(), encoding="utf-8")
    elif isinstance(tokenizer, Gpt2Tokenizer):
        tokenizer.save(folder / PIECES_FOLDER)
    else:
        raise UsageError(
            f"a {type(tokenizer).__name__} cannot be stored; only a WordTokenizer or a "
            "Gpt2Tokenizer can."
        )


def _read_tokenizer(folder: Path) -> NarrationTokenizer:
    words = folder / WORDS_FILE
    if words.is_file():
        return word_tokenizer(words.read_text(encoding="utf-8"))
    if (folder / PIECES_FOLDER).is_dir():
        return Gpt2Tokenizer.from_folder(folder / PIECES_FOLDER, special=None)
    raise UsageError(f"{shown(folder)} holds neither {WORDS_FILE} nor a folder {PIECES_FOLDER!r}.")
