"""How much less likely a caption is to its editor when one of its edits is undone."""

from collections.abc import Sequence

import torch

from seewhy.models.editing.alignment import Operation
from seewhy.models.editing.decoded import WordMarks, full_scores, quiet
from seewhy.models.editing.stepping import EditInputs, EditorNetwork

Ids = Sequence[int]


def edit_runs(operations: Sequence[Operation]) -> list[tuple[int, ...]]:
    """Places of operations that make one edit: side by side, with one replaced word at most.

    So of two words that are replaced side by side each is an edit, and "left of" for "above" is
    one.
    """
    runs: list[list[int]] = []
    is_apart, has_replaced = True, False
    for place, operation in enumerate(operations):
        is_replaced = operation.kind == "replace"
        if operation.kind == "keep":
            is_apart = True
        elif is_apart or (is_replaced and has_replaced):
            runs.append([place])
            is_apart, has_replaced = False, is_replaced
        else:
            runs[-1].append(place)
            has_replaced = has_replaced or is_replaced
    return [tuple(run) for run in runs]


def undone_words(operations: Sequence[Operation], run: Sequence[int]) -> tuple[str, ...]:
    """The words after all edits but one."""
    chosen = (
        operation.old if place in run else operation.new
        for place, operation in enumerate(operations)
    )
    return tuple(word for word in chosen if word is not None)


def log_probabilities(
    network: EditorNetwork,
    inputs: EditInputs,
    captions: Sequence[Sequence[Ids]],
    marks: WordMarks,
) -> list[list[float]]:
    """That of each caption with its end, given the image and the caption of its row.

    `captions` has one list for each row of the inputs, of any length. What a caption gets does
    not depend on the others.
    """
    most = max((len(each) for each in captions), default=0)
    if not most:
        return [[] for _ in captions]
    rows = [_filled(each, most, marks)[place] for each in captions for place in range(most)]
    targets = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor([*row, marks.end]) for row in rows], batch_first=True, padding_value=-1
    ).to(inputs.captions.device)
    with quiet(network):
        encoded = network.encode(inputs)
        state = network.begin(encoded, rows=most)
        words = targets.new_full((len(rows),), marks.start)
        sums = torch.zeros(len(rows), dtype=torch.float64, device=targets.device)
        for target in targets.T:
            step = network.step(words, state, encoded)
            logs = full_scores(step.scores).log_softmax(dim=1)
            words, state = target.clamp(min=0), step.state
            sums += logs.gather(1, words[:, None])[:, 0].double().where(target >= 0, 0.0)
    found = sums.view(len(captions), most).tolist()
    return [row[: len(each)] for row, each in zip(found, captions, strict=True)]


def _filled(captions: Sequence[Ids], most: int, marks: WordMarks) -> list[Ids]:
    """As many for every image, since a network takes equally many rows of each."""
    return [*captions, *([marks.unknown],) * (most - len(captions))]
