"""Parts that hold one row per image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seewhy.data.records import Failure
from seewhy.passes.runner import PassResult
from seewhy.passes.shards import Part


def outcome_facts(result: PassResult[Any]) -> dict[str, Any]:
    """What became of each image: `ids` of those used, `failures`, `notes`."""
    return {
        "ids": list(result.ids),
        "failures": [[each.id, each.code, each.message] for each in result.failures],
        "notes": {identity: list(notes) for identity, notes in result.notes.items()},
    }


def merged_facts(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """What became of the images of two parts, in order."""
    return {
        "ids": [*first["ids"], *second["ids"]],
        "failures": [*first["failures"], *second["failures"]],
        "notes": {**first["notes"], **second["notes"]},
    }


def failures_in(part: Part) -> tuple[Failure, ...]:
    """The images that a part could not use."""
    return tuple(Failure(*row) for row in part.facts["failures"])


def rows_part(result: PassResult[Mapping[str, Tensor]]) -> Part:
    """The columns that a function gave for each batch, one row per image in `ids`."""
    names = result.outputs[0] if result.outputs else ()
    return Part(
        {name: _joined([output[name] for output in result.outputs]) for name in names},
        outcome_facts(result),
    )


def merged_rows(first: Part, second: Part) -> Part:
    """The rows of one part and then those of the other; a part may have none."""
    parts = [part for part in (first, second) if part.arrays]
    names = parts[0].arrays if parts else ()
    return Part(
        {name: np.concatenate([part.arrays[name] for part in parts]) for name in names},
        merged_facts(first.facts, second.facts),
    )


def _joined(pieces: Sequence[Tensor]) -> np.ndarray:
    return torch.cat(list(pieces)).cpu().numpy()
