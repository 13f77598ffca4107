"""One explanation with a part of each kind, and parts whose texts mean harm."""

import numpy as np

from seewhy.results.explanation import Explanation
from seewhy.results.parts import ConceptScores, Curve, Heatmap, Picture, Statement, UnitMatches

HOSTILE = '<script>alert("1")</script> $x_{ {{7*7}} \x1b[31m \u202e 颜色 🎨 \n'


def scores(**changes):
    fields = {
        "title": "Shares",
        "names": ("colour", "shape", "size"),
        "scores": np.array([0.86, 0.03, np.nan]),
        "low": np.array([0.8, 0.0, np.nan]),
        "high": np.array([0.9, 0.07, np.nan]),
        "unit": "share",
    }
    return ConceptScores(**(fields | changes))


def curve(**changes):
    values = np.array([[0.3, 0.2, np.nan, 0.1], [0.25, 0.26, 0.27, 0.28]])
    fields = {
        "title": "Similarity",
        "axis": "stages grafted",
        "names": ("red", "green"),
        "positions": np.arange(4.0),
        "values": values,
        "low": values - 0.01,
        "high": values + 0.01,
        "ticks": ("none", "layer1", "layer2", "layer3"),
        "unit": "similarity",
    }
    return Curve(**(fields | changes))


def matches(**changes):
    fields = {
        "title": "Matches",
        "site": "visual.layer1",
        "layers": ("conv1", "conv2"),
        "layer_of": np.array([0, 1, 1]),
        "channels": np.array([5, 0, 7]),
        "scores": np.array([0.5, 0.9, np.nan], dtype=np.float32),
    }
    return UnitMatches(**(fields | changes))


def heatmap(**changes):
    fields = {
        "title": "a red circle",
        "values": np.array([[0.5, -0.25, 0.0], [np.nan, 0.1, 0.2]], dtype=np.float32),
        "unit": "similarity",
        "frame": "grid",
    }
    return Heatmap(**(fields | changes))


def picture(**changes):
    pixels = np.arange(0, 180, 10, dtype=np.uint8).reshape(2, 3, 3)
    return Picture(**({"title": "drawn", "pixels": pixels} | changes))


def explanation(**changes):
    fields = {
        "target": "what the model relies on",
        "score": 0.83,
        "parts": (
            scores(),
            curve(),
            Statement("Verdict", "It decides by colour."),
            matches(),
            heatmap(),
            picture(),
        ),
        "provenance": {"model": "biased", "seed": "0"},
    }
    return Explanation(**(fields | changes))


def hostile_parts():
    return (
        scores(title=HOSTILE, names=(HOSTILE, "$\\frac{", "")),
        curve(title=HOSTILE, axis=HOSTILE, names=(HOSTILE, "_hidden"), ticks=(HOSTILE,) * 4),
        Statement(HOSTILE, HOSTILE),
        matches(title=HOSTILE, site=HOSTILE, layers=(HOSTILE, HOSTILE)),
        heatmap(title=HOSTILE),
        picture(title=HOSTILE),
    )
