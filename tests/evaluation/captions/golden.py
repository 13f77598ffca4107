"""Stored scores of the published programs."""

import gzip
import json
import os
from functools import cache
from pathlib import Path

import pytest

from seewhy.evaluation.captions.items import caption_items

STORED = Path(__file__).parents[2] / "golden"


@cache
def stored(name):
    return json.loads((STORED / "nle" / name).read_text(encoding="utf-8"))


def pairs():
    return stored("nlg.json")["pairs"]


def stored_items():
    return caption_items(
        {pair["id"]: pair["candidate"] for pair in pairs()},
        {pair["id"]: pair["references"] for pair in pairs()},
    )


def released():
    """The published output on VQA-X and its scores, from the folder $SEEWHY_SHARED; none ship."""
    folder = Path(os.environ.get("SEEWHY_SHARED", "")) / "golden" / "nle"
    path = folder / "vqax_released.json.gz"
    if "SEEWHY_SHARED" not in os.environ or not path.exists():
        pytest.skip("SEEWHY_SHARED names no folder with the published output on VQA-X")
    scores = json.loads((folder / "vqax_released_scores.json").read_text(encoding="utf-8"))
    return json.loads(gzip.decompress(path.read_bytes())), scores
