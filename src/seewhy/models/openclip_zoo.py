"""From names, files and folders to open_clip encoders."""

import json
import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.archives import is_archive
from seewhy.models.checkpoints import fit_weights, read_weights
from seewhy.models.downloads import Published, weights_file
from seewhy.models.names import ModelName, suggestion
from seewhy.models.openclip import OpenClipEncoder, Tokenizer
from seewhy.models.preprocessing import Preprocessing, per_channel
from seewhy.models.vocabulary import WordTokenizer

_logger = logging.getLogger(__name__)

CONFIG_FILE = "open_clip_config.json"
_WEIGHTS_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
)


@dataclass(frozen=True)
class _Recipe:
    """All that an encoder is made from, before its weights are read."""

    name: str
    model: dict[str, Any]
    preprocessing: dict[str, Any]
    weights: Path | None = None
    words: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def encoder(self, *, seed: int = 0) -> OpenClipEncoder:
        """The encoder, in evaluation mode; untrained where there are no weights."""
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                module: Any = build(self.model)
            tokenizer = self._tokenizer()
        except Exception as error:  # configurations and the hub's libraries fail in many ways
            raise UsageError(
                f"{self.name} cannot be built ({type(error).__name__}: {error}). Check its "
                "configuration; towers and tokenizers of huggingface.co need "
                "`pip install transformers`."
            ) from error
        if self.weights is not None:
            weights = _renamed(module, read_weights(self.weights))
            fit_weights(module, weights, source=self.weights.name)
            for note in self.notes:
                _logger.warning("%s: %s", self.name, note)
        return OpenClipEncoder(
            module.eval(),
            preprocess=_preprocessing(self.preprocessing, module),
            tokenizer=tokenizer,
            name=self.name,
            notes=self.notes,
        )

    def _tokenizer(self) -> Tokenizer:
        from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

        text = self.model["text_cfg"]
        context = text.get("context_length", 77)
        if self.words:
            return WordTokenizer(self.words, context)
        options = dict(text.get("tokenizer_kwargs") or {})
        tokenizer: Tokenizer
        if text.get("hf_tokenizer_name"):
            tokenizer = HFTokenizer(
                text["hf_tokenizer_name"],
                context_length=context,
                tokenizer_mode=text.get("tokenizer_mode"),
                **options,
            )
        else:
            tokenizer = SimpleTokenizer(context_length=context, **options)
        return tokenizer


def build(configuration: Mapping[str, Any]) -> nn.Module:
    """An untrained open_clip module of a configuration in open_clip's format."""
    from open_clip import CLIP, CoCa, CustomTextCLIP

    config = deepcopy(dict(configuration))
    config["vision_cfg"]["timm_model_pretrained"] = False
    config["text_cfg"]["hf_model_pretrained"] = False
    custom = config.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
    kind = CustomTextCLIP if custom else CLIP
    module: nn.Module = (CoCa if custom and "multimodal_cfg" in config else kind)(**config)
    return module


def load_architecture(name: ModelName, *, allow_download: bool, seed: int) -> OpenClipEncoder:
    """`open_clip:ARCH/TAG`, `open_clip:ARCH@PATH` or `open_clip:ARCH/random-weights`."""
    import open_clip

    architecture = name.architecture.replace("/", "-")
    model = open_clip.get_model_config(architecture)
    if model is None:
        known = open_clip.list_models()
        raise UsageError(
            f"open_clip has no architecture {name.architecture!r}. "
            f"{suggestion(architecture, known)}It has {len(known)}."
        )
    _refuse_hub_towers(model, name, allow_download=allow_download)
    if name.path is not None:
        return _from_file(name, model, name.path).encoder()
    if name.is_random:
        notes = (f"untrained: random weights of seed {seed}",)
        settings, _ = _usual_settings(architecture)
        return _Recipe(f"{name.base}/{name.weights}", model, settings, notes=notes).encoder(
            seed=seed
        )
    return _from_tag(name, model, allow_download=allow_download).encoder()


def _refuse_hub_towers(model: Mapping[str, Any], name: ModelName, *, allow_download: bool) -> None:
    text = model["text_cfg"]
    needed = text.get("hf_model_name") or text.get("hf_tokenizer_name")
    if needed and not allow_download:
        raise UsageError(
            f"{name.base} needs files of {needed} from huggingface.co. Allow the download "
            "(allow_download=True), or save the encoder with its tokenizer as a folder and load "
            "open_clip-dir:FOLDER."
        )


def _from_tag(name: ModelName, model: dict[str, Any], *, allow_download: bool) -> _Recipe:
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    architecture = name.architecture.replace("/", "-")
    settings = get_pretrained_cfg(architecture, name.weights)
    if not settings:
        known = list_pretrained_tags_by_model(architecture)
        asked = f"weights {name.weights!r}" if name.weights else "name of weights"
        raise UsageError(
            f"no {asked} for {name.base}. {suggestion(name.weights, known)}There are: "
            f"{', '.join(known) or 'none'}. Write {name.base}/NAME, {name.base}@PATH or, for "
            f"untrained weights, {name.base}/random-weights."
        )
    repository, _, file = settings.get("hf_hub", "").rpartition("/")
    published = Published(
        name=f"{name.base}/{name.weights}",
        repository=repository,
        files=(f"{file.rpartition('.')[0]}.safetensors", file) if file else _WEIGHTS_FILES[:4:3],
        url=settings.get("url", ""),
        folder=Path.home() / ".cache" / "clip",
    )
    notes = _set_activation(model, quick=settings.get("quick_gelu", False), source="the weights")
    path = weights_file(published, allow_download=allow_download)
    return _Recipe(published.name, model, settings, path, notes=notes)


def _from_file(name: ModelName, model: dict[str, Any], path: Path) -> _Recipe:
    architecture = name.architecture.replace("/", "-")
    settings, notes = _usual_settings(architecture)
    if path.is_file() and is_archive(path):
        notes += _set_activation(model, quick=True, source="OpenAI's archives")
    elif not model.get("quick_gelu", False):
        notes += _activation_warning(architecture)
    return _Recipe(f"{name.base}@{path}", model, settings, path, notes=notes)


def _set_activation(model: dict[str, Any], *, quick: bool, source: str) -> tuple[str, ...]:
    """Take the activation that the weights were trained with; a note where the name differs."""
    named = model.get("quick_gelu", False)
    model["quick_gelu"] = quick
    words = {True: "quickgelu", False: "gelu"}
    if named == quick:
        return ()
    return (f"{source} were trained with {words[quick]}, so it replaces {words[named]}",)


def _activation_warning(architecture: str) -> tuple[str, ...]:
    from open_clip import list_models

    twin = f"{architecture}-quickgelu"
    if twin not in list_models():
        return ()
    return (
        f"the file does not say its activation; gelu is taken. If the weights were trained with "
        f"quickgelu, as OpenAI's were, name {twin}",
    )


def _usual_settings(architecture: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The preprocessing shared by all published weights of an architecture, else OpenAI's."""
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    keys = ("mean", "std", "interpolation", "resize_mode")
    found = [
        {key: settings[key] for key in keys if key in settings}
        for tag in list_pretrained_tags_by_model(architecture)
        for settings in [get_pretrained_cfg(architecture, tag)]
    ]
    if found and all(settings == found[0] for settings in found):
        return found[0], ()
    return {}, ("the preprocessing of the weights is not known; OpenAI's is taken",)


def _preprocessing(settings: Mapping[str, Any], module: Any) -> Preprocessing:
    """open_clip's evaluation preprocessing; the size is that of the image tower."""
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    size = module.visual.image_size
    if isinstance(size, (tuple, list)):
        size = size[0] if size[0] == size[1] else tuple(size)
    return Preprocessing(
        size=size,
        resize=settings.get("resize_mode", "shortest"),
        interpolation=settings.get("interpolation", "bicubic"),
        mean=per_channel(settings.get("mean", OPENAI_DATASET_MEAN)),
        std=per_channel(settings.get("std", OPENAI_DATASET_STD)),
    )


def _renamed(module: Any, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names and shapes that this version of open_clip gives them."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    weights = convert_state_dict(module, weights)
    if "positional_embedding" in weights and not hasattr(module, "positional_embedding"):
        weights = convert_to_custom_text_state_dict(weights)
    for name in ("logit_scale", "logit_bias"):
        held = getattr(module, name, None)
        if held is not None and name in weights and weights[name].numel() == 1:
            weights[name] = weights[name].reshape(held.shape)
    return weights


def load_folder(folder: Path, *, name: str = "") -> OpenClipEncoder:
    """A folder as open_clip writes it: `open_clip_config.json` beside the weights.

    The preprocessing comes from the configuration. A list `words` in it makes a `WordTokenizer`.
    """
    config = _read_config(folder)
    files = [folder / file for file in _WEIGHTS_FILES if (folder / file).is_file()]
    files += sorted(folder.glob("*.safetensors"))
    if not files:
        raise UsageError(f"{folder} holds no weights. Wanted one of {', '.join(_WEIGHTS_FILES)}.")
    model = config["model_cfg"]
    text = model.get("text_cfg", {})
    if text.get("hf_tokenizer_name"):
        text["hf_tokenizer_name"] = str(folder)
    encoder = _Recipe(
        name or f"open_clip-dir:{folder}",
        model,
        config["preprocess_cfg"],
        files[0],
        words=tuple(config.get("words", ())),
    ).encoder()
    _refuse_other_size(config["preprocess_cfg"], encoder, folder)
    return encoder


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path} ({error}). Name a folder that holds it.") from error
    wanted = ("model_cfg", "preprocess_cfg")
    if not isinstance(config, dict) or not all(isinstance(config.get(k), dict) for k in wanted):
        raise UsageError(
            f"{path} lacks model_cfg or preprocess_cfg. Without the preprocessing that the weights "
            "were trained with, results would be silently wrong: add it."
        )
    return config


def _refuse_other_size(settings: Mapping[str, Any], encoder: OpenClipEncoder, folder: Path) -> None:
    taken, said = (_pair(size) for size in (encoder.module.visual.image_size, settings.get("size")))
    if said is not None and said != taken:
        raise UsageError(
            f"{folder}: preprocess_cfg says size {said}, but the image tower takes {taken}. "
            "Correct the configuration."
        )


def _pair(size: Any) -> tuple[int, int] | None:
    if size is None or isinstance(size, int):
        return None if size is None else (size, size)
    rows, cols = size
    return rows, cols
