"""A trained classifier as a folder: `classifier.json` beside `model.safetensors`."""

import json
from pathlib import Path
from typing import Any

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import write_weights
from seewhy.models.classifier_zoo import architecture, trained
from seewhy.models.classifiers import Classifier
from seewhy.models.names import ModelName
from seewhy.models.preprocessing import Preprocessing

CONFIG_FILE = "classifier.json"
WEIGHTS_FILE = "model.safetensors"


def save_classifier(classifier: Classifier, folder: Path | str, *, arch: str) -> None:
    """Write a classifier so that `load_model("classifier-dir:FOLDER")` gives it back.

    `arch` names the architecture, such as "torchvision:resnet18". Raises `UsageError` when the
    preprocessing is no `Preprocessing`, which alone can be written down.
    """
    if not isinstance(classifier.preprocessing, Preprocessing):
        raise UsageError(
            f"the preprocessing of {classifier.name} is a "
            f"{type(classifier.preprocessing).__name__}; only a Preprocessing can be saved."
        )
    architecture(ModelName.parse(arch))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "arch": arch,
        "classes": list(classifier.classes),
        "preprocessing": classifier.preprocessing.config(),
    }
    write_weights(folder / WEIGHTS_FILE, classifier.module.state_dict())
    text = json.dumps(config, indent=1, ensure_ascii=False)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")


def load_classifier(folder: Path | str, *, name: str = "") -> Classifier:
    """Read a folder that `save_classifier` wrote."""
    folder = Path(folder)
    config = _read_config(folder / CONFIG_FILE)
    known = architecture(ModelName.parse(config["arch"]))
    path = folder / WEIGHTS_FILE
    module = trained(known, path, classes=config["classes"], source=str(path))
    return Classifier(
        module.eval(),
        preprocess=Preprocessing.from_config(config["preprocessing"]),
        classes=config["classes"],
        name=name or f"classifier-dir:{folder}",
    )


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path} ({error}). Name a saved classifier.") from error
    kinds = {"arch": str, "classes": list, "preprocessing": dict}
    if not isinstance(config, dict) or any(
        not isinstance(config.get(key), kind) for key, kind in kinds.items()
    ):
        raise UsageError(f"{path} lacks one of {', '.join(kinds)}. Save the classifier again.")
    return config
