"""What is known of each item, as the published files hold it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel

from seewhy.evaluation.captions.files import checked, read_json, references_of
from seewhy.evaluation.narration.answers import Truth
from seewhy.evaluation.narration.parsing import parse_narration

ENTRIES = (
    'an object of {"answers": [...], "explanation": [...]} by id, or a COCO caption file whose '
    'captions are "answer because reason" or reasons alone'
)

_BECAUSE = "because"


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    answer: str


class _Entry(BaseModel):
    """An entry of NLX-GPT's or Uni-NLX's files."""

    model_config = ConfigDict(strict=True, extra="ignore")

    answers: str | list[str | _Answer] | None = None
    answer: str | list[str] | None = None
    explanation: str | list[str]

    @property
    def truth(self) -> Truth:
        given = self.answers if self.answers is not None else self.answer
        answers = [given] if isinstance(given, str) else given or []
        reasons = self.explanation
        return Truth(
            tuple(each if isinstance(each, str) else each.answer for each in answers),
            (reasons,) if isinstance(reasons, str) else tuple(reasons),
        )


class _Entries(RootModel[dict[str, _Entry]]):
    pass


class _Scores(RootModel[dict[str, float]]):
    pass


def read_truths(path: Path) -> dict[str, Truth]:
    """Answers and reasons by id, from a file in NLX-GPT's form or one in COCO's.

    Captions of a COCO file are sentences with an answer where each of them says "because", and
    reasons alone otherwise; then no answer can be judged. Raises `UsageError` for other files.
    """
    document = read_json(path)
    if isinstance(document, dict) and "annotations" in document:
        return _of_references(references_of(document, path=path))
    entries = checked(_Entries, document, path=path, wanted=ENTRIES).root
    return {name: entry.truth for name, entry in entries.items()}


def read_answer_f1(path: Path) -> dict[str, float]:
    """BERTScore F1 of the answer of each id, 0 to 1."""
    found = checked(_Scores, read_json(path), path=path, wanted='an object {"id": F1, ...}')
    return found.root


def _of_references(references: dict[str, list[str]]) -> dict[str, Truth]:
    every = [caption for captions in references.values() for caption in captions]
    if not all(_BECAUSE in caption for caption in every):
        return {name: Truth(reasons=tuple(each)) for name, each in references.items()}
    return {
        name: Truth(
            reasons=tuple(parse_narration(each, "e-snli-ve").reason for each in captions),
            told=tuple(captions),
        )
        for name, captions in references.items()
    }
