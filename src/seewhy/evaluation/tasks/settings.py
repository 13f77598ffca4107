"""Settings of an evaluation: what changes a number, and how the pass runs."""

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from seewhy.base.errors import UsageError

TaskName = Literal["segmentation", "tagging", "maps", "points", "camouflage"]
DatasetName = Literal[
    "scenes", "digit-collages", "voc", "voc21", "context", "context60", "coco-stuff", "coco",
    "cityscapes", "ade20k", "potsdam", "imagenet-s50", "nus-wide", "cod10k", "camo", "chameleon",
    "nc4k",
]  # fmt: skip
Words = Literal["colour", "kind", "colour and kind", "value", "colour and value"]
Scoring = Literal["feature-surgery", "cosine", "softmax"]
Layout = Literal["whole", "sliding"]
Unlabelled = Literal["kept", "dropped"]

TASKS: tuple[TaskName, ...] = get_args(TaskName)
SCORINGS: tuple[Scoring, ...] = get_args(Scoring)
COMPARING = ("clip-surgery", "raw", "maskclip")
"""Methods whose maps of several classes can be compared at a pixel."""

_HOW_IT_RUNS = frozenset({"workers", "parts", "progress", "root", "shard_images"})
_ONLY_FOR: dict[str, tuple[TaskName, ...]] = {
    "layout": ("segmentation",),
    "unlabelled": ("tagging",),
    "prompt": ("camouflage",),
    "segmenter": ("points", "camouflage"),
    "redundant": ("maps", "points", "camouflage"),
}


class EvaluationSettings(BaseModel):
    """Frozen settings; unknown names and impossible values are refused.

    `root` is the folder of a data set that lies in files; `words` choose the labels of one that is
    drawn. No `methods` means the usual ones of the task, no `templates` those that suit the data
    set, no `size` 512 pixels, or the encoder's own input for drawn data. `limit` images are
    chosen, or drawn, by `seed`. `bootstrap` counts the resamples behind each interval.

    `layout` is for segmentation, `unlabelled` images for tagging, the `prompt` for camouflage,
    what is `redundant` for all with maps of single texts (None: the empty text, or nothing where
    the encoder knows few words), and a `segmenter` for points and camouflage: "none", "colours",
    or the path of a Segment Anything. `shard_images` images are the most that an interrupted run
    loses; `workers` processes read images ahead; `parts` is a folder in which finished shards
    are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: TaskName
    dataset: DatasetName
    root: Path | None = None
    words: Words | None = None
    encoder: str = "embedded:clip-objects"
    methods: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    size: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    bootstrap: int = Field(default=1000, ge=100)
    layout: Layout = "whole"
    unlabelled: Unlabelled = "kept"
    prompt: str = "camouflaged animal"
    redundant: tuple[str, ...] | None = None
    segmenter: str = "none"
    batch_size: int = Field(default=8, ge=1)
    device: str = "auto"
    max_failures: float = Field(default=0.01, ge=0, le=1)
    allow_download: bool = False
    tolerate_truncated: bool = False
    shard_images: int = Field(default=16, ge=1)
    workers: int = Field(default=0, ge=0)
    parts: Path | None = None
    progress: bool = False

    @model_validator(mode="after")
    def _fits_the_task(self) -> "EvaluationSettings":
        for name, tasks in _ONLY_FOR.items():
            usual = type(self).model_fields[name].default
            if self.task not in tasks and getattr(self, name) != usual:
                raise UsageError(f"`{name}` is for {' and '.join(tasks)}, not for {self.task}.")
        self._check_methods()
        return self

    def _check_methods(self) -> None:
        known: tuple[str, ...] | None
        known = {"tagging": SCORINGS, "segmentation": COMPARING}.get(self.task)
        wrong = [name for name in self.methods if known is not None and name not in known]
        if wrong and known is not None:
            raise UsageError(
                f"{wrong[0]!r} is no method of {self.task}. There are: {', '.join(known)}."
            )
        if len(set(self.methods)) < len(self.methods):
            raise UsageError(f"a method is named twice: {', '.join(self.methods)}.")

    @property
    def chosen_methods(self) -> tuple[str, ...]:
        """Those named, else the usual ones."""
        return self.methods or (SCORINGS if self.task == "tagging" else COMPARING[:2])

    def recorded(self) -> dict[str, Any]:
        """The settings that numbers depend on, as JSON."""
        return self.model_dump(mode="json", exclude=set(_HOW_IT_RUNS))
