"""The stored captions of Show, Edit and Tell get the scores that its repository stores.

With SEEWHY_COCO naming a folder of `captions_val2014.json`, `xe_caps.json` and `rl_caps.json`;
none ship.
"""

import json
import os
from pathlib import Path

import pytest

from seewhy.cli.main import run

ROWS = {
    "xe_caps": (77.94, 62.54, 48.89, 37.99, 57.72, 120.00),
    "rl_caps": (80.64, 65.30, 51.05, 39.21, 58.89, 128.95),
}
NAMES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr")


@pytest.mark.parametrize("name", ROWS)
def test_the_stored_captions_have_the_verified_scores(name, tmp_path):
    folder = Path(os.environ.get("SEEWHY_COCO", ""))
    files = [folder / f"{name}.json", folder / "captions_val2014.json"]
    if "SEEWHY_COCO" not in os.environ or not all(path.exists() for path in files):
        pytest.skip("SEEWHY_COCO names no folder with COCO's captions and the stored ones")
    assert run(["evaluate", "captions", *map(str, files), "--output", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "summary.json").read_bytes())["scores"]
    assert [found[each]["value"] for each in NAMES] == pytest.approx(ROWS[name], abs=0.005)
