"""Files of entries for the tests of readers."""

import json
from pathlib import Path

from seewhy.data.narration.entries import ImageFolder

GOLDEN = json.loads((Path(__file__).parents[2] / "golden/nle/layouts.json").read_text("utf-8"))


def written(folder, document, name="file.json"):
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def image_folder(path=Path("images")):
    return ImageFolder(path)
