"""Captions edited, and what each edit rests on: the job without its files."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from seewhy.mending.asking import MendingQuestion
from seewhy.mending.captions import CaptionedImage
from seewhy.mending.entries import EditEvidence, ScriptWord
from seewhy.mending.evidence import Weights, edit_evidence, mean_look, script_word
from seewhy.mending.undoing import edit_runs, log_probabilities, undone_words
from seewhy.models.editing.alignment import Operation, edit_script
from seewhy.models.editing.edits import Edit
from seewhy.models.editing.features import ImageFeatures


@dataclass(frozen=True, eq=False)
class Mended:
    """An edited caption: what became of each word, and of each edit where the network looked.

    `looks` has weights of all regions for each edit, None where there are none. `unknown` are the
    caption's words that the editor does not know.
    """

    edit: Edit
    features: ImageFeatures
    script: tuple[ScriptWord, ...]
    edits: tuple[EditEvidence, ...]
    looks: tuple[Weights | None, ...]
    unknown: tuple[str, ...]


def mend(
    question: MendingQuestion, items: Sequence[CaptionedImage], images: Sequence[Image.Image]
) -> list[Mended]:
    """Edit the captions of images; what one gets does not depend on the others.

    Raises `DataError` for an image whose boxes or features are missing or wrong.
    """
    if not items:
        return []
    features = question.features(items, images)
    captions = [item.caption for item in items]
    edits = question.editor.edit(
        features, captions, options=question.options, iterations=question.settings.iterations
    )
    drafts = [
        _Draft(image, one, edit, _script(question, edit))
        for image, one, edit in zip(images, features, edits, strict=True)
    ]
    return [
        draft.mended(question, gains)
        for draft, gains in zip(drafts, _gains(question, drafts), strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Draft:
    image: Image.Image
    features: ImageFeatures
    edit: Edit
    script: tuple[Operation, ...]

    @property
    def runs(self) -> list[tuple[int, ...]]:
        return edit_runs(self.script)

    def mended(self, question: MendingQuestion, gains: Sequence[float | None]) -> Mended:
        edit, features, runs = self.edit, self.features, self.runs
        script = tuple(
            script_word(each, edit, features, size=self.image.size) for each in self.script
        )
        return Mended(
            edit,
            features,
            script,
            tuple(
                edit_evidence(run, script, gain=gain) for run, gain in zip(runs, gains, strict=True)
            ),
            tuple(mean_look(run, self.script, edit) for run in runs),
            tuple(dict.fromkeys(word for word in edit.original if word not in question.known)),
        )


def _script(question: MendingQuestion, edit: Edit) -> tuple[Operation, ...]:
    return edit_script(edit.original, edit.words, classes=question.classes.listed)


def _gains(question: MendingQuestion, drafts: Sequence[_Draft]) -> list[list[float | None]]:
    """For each edit of each caption what it adds to the log-probability of the whole.

    None where undoing it would take a word that the editor does not know.
    """
    gains: list[list[float | None]] = [[None] * len(draft.runs) for draft in drafts]
    asked = [place for place, draft in enumerate(drafts) if draft.runs]
    if not question.settings.undoing or not asked:
        return gains
    editor = question.editor
    candidates = [
        [draft.edit.words, *(undone_words(draft.script, run) for run in draft.runs)]
        for draft in (drafts[place] for place in asked)
    ]
    inputs = editor.inputs(
        [drafts[place].features for place in asked],
        [drafts[place].edit.original[: editor.config.longest] for place in asked],
    )
    ids = [[editor.vocabulary.encode(words) for words in each] for each in candidates]
    found = log_probabilities(editor.network, inputs, ids, editor.vocabulary)
    for place, words, values in zip(asked, candidates, found, strict=True):
        gains[place] = [
            values[0] - value if question.known.issuperset(undone) else None
            for undone, value in zip(words[1:], values[1:], strict=True)
        ]
    return gains
