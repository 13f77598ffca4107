"""The data sets by name, and which tasks each of them serves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from seewhy.base.errors import UsageError
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.ade import open_ade
from seewhy.data.segmentation.camouflage import open_camouflage
from seewhy.data.segmentation.cityscapes import open_cityscapes
from seewhy.data.segmentation.coco_instances import open_coco_instances
from seewhy.data.segmentation.coco_stuff import open_coco_stuff
from seewhy.data.segmentation.drawn import digit_collages, drawn_scenes
from seewhy.data.segmentation.imagenet_s import open_imagenet_s
from seewhy.data.segmentation.nus_wide import open_nus_wide
from seewhy.data.segmentation.pascal import open_context, open_voc
from seewhy.data.segmentation.potsdam import open_potsdam
from seewhy.data.segmentation.records import LabelledSource
from seewhy.evaluation.tasks.settings import TaskName, Words
from seewhy.models.names import suggestion
from seewhy.models.wordnet import spoken_names

_PUBLISHED_SIZE = 512
_PICTURES = 500
_PLAIN = ("{}",)


@runtime_checkable
class _Opens(Protocol):
    def __call__(self, root: Path, *, policy: ReadPolicy) -> LabelledSource[Any]: ...


@runtime_checkable
class _Draws(Protocol):
    def __call__(self, count: int, words: Any, *, seed: int) -> LabelledSource[Any]: ...


@dataclass(frozen=True)
class Choice:
    """What is asked of a data set: where it lies, or what is to be drawn.

    `limit` images are drawn, by default 500. Files are read as `policy` says.
    """

    root: Path | None = None
    words: Words | None = None
    limit: int | None = None
    seed: int = 0
    policy: ReadPolicy = DEFAULT_POLICY


@dataclass(frozen=True)
class KnownDataset:
    """How a data set is opened for each task that it serves.

    `templates` None means the published ones; `size` None the model's own input. `words` are
    the sets of labels that a drawn data set has, the first one being the default.
    """

    name: str
    opens: Mapping[TaskName, Callable[[Choice], LabelledSource[Any]]]
    words: tuple[Words, ...] = ()
    templates: tuple[str, ...] | None = None
    size: int | None = _PUBLISHED_SIZE

    @property
    def is_drawn(self) -> bool:
        """Whether there are no files to read."""
        return bool(self.words)

    def open(self, task: TaskName, choice: Choice) -> LabelledSource[Any]:
        """The source for a task; raises `UsageError` for what the data set does not have."""
        if task not in self.opens:
            fitting = [name for name, known in DATASETS.items() if task in known.opens]
            raise UsageError(
                f"the data set {self.name} is not for {task}, but for {', '.join(self.opens)}. "
                f"For {task} there are {', '.join(fitting)}."
            )
        if self.is_drawn:
            return self._drawn(task, choice)
        if choice.words is not None:
            raise UsageError(f"{self.name} has its own classes; leave the words out.")
        if choice.root is None:
            raise UsageError(f"{self.name} lies in files; name their folder with --root.")
        return self.opens[task](choice)

    def _drawn(self, task: TaskName, choice: Choice) -> LabelledSource[Any]:
        if choice.root is not None:
            raise UsageError(f"{self.name} is drawn, not read; leave --root out.")
        words = choice.words or self.words[0]
        if words not in self.words:
            raise UsageError(
                f"{self.name} has no words {words!r}; there are {', '.join(map(repr, self.words))}."
            )
        return self.opens[task](replace(choice, words=words))


def known_dataset(name: str) -> KnownDataset:
    """The data set of a name; raises `UsageError` with all names for an unknown one."""
    if name not in DATASETS:
        raise UsageError(
            f"no data set {name!r}. {suggestion(name, DATASETS)}There are: {', '.join(DATASETS)}."
        )
    return DATASETS[name]


def _read(opens: _Opens) -> Callable[[Choice], LabelledSource[Any]]:
    def opened(choice: Choice) -> LabelledSource[Any]:
        return opens(choice.root or Path(), policy=choice.policy)

    return opened


def _draw(draws: _Draws) -> Callable[[Choice], LabelledSource[Any]]:
    def drawn(choice: Choice) -> LabelledSource[Any]:
        return draws(choice.limit or _PICTURES, choice.words, seed=choice.seed)

    return drawn


def _imagenet_s(choice: Choice) -> LabelledSource[Any]:
    root = choice.root or Path()
    found = open_imagenet_s(root, policy=choice.policy)
    names = spoken_names(found.class_names)
    return open_imagenet_s(root, names=names, policy=choice.policy)


def _pascal(name: str, opens: Any) -> KnownDataset:
    """Background counts beside things to be shown, and is no class to tell apart from others."""
    counted = _read(partial(opens, background="counted"))
    ignored = _read(partial(opens, background="ignored"))
    return KnownDataset(
        name,
        {"segmentation": ignored, "tagging": ignored, "maps": counted, "points": counted},
    )


def _with_background(name: str, opens: Any) -> KnownDataset:
    """Background is one more class, asked for by that word."""
    return KnownDataset(name, {"segmentation": _read(partial(opens, background="counted"))})


def _labelled(name: str, opens: _Opens) -> KnownDataset:
    opened = _read(opens)
    tasks: tuple[TaskName, ...] = ("segmentation", "tagging", "maps", "points")
    return KnownDataset(name, dict.fromkeys(tasks, opened))


def _camouflaged(name: str, folder: str) -> KnownDataset:
    return KnownDataset(name, {"camouflage": _read(partial(open_camouflage, name=folder))})


def _pictures(name: str, draws: _Draws, words: tuple[Words, ...]) -> KnownDataset:
    drawn = _draw(draws)
    tasks: tuple[TaskName, ...] = ("segmentation", "tagging", "maps", "points")
    return KnownDataset(name, dict.fromkeys(tasks, drawn), words, _PLAIN, None)


_KNOWN = (
    _pictures("scenes", drawn_scenes, ("colour", "kind", "colour and kind")),
    _pictures("digit-collages", digit_collages, ("value", "colour", "colour and value")),
    _pascal("voc", open_voc),
    _with_background("voc21", open_voc),
    _pascal("context", open_context),
    _with_background("context60", open_context),
    _labelled("coco-stuff", open_coco_stuff),
    _labelled("coco", open_coco_instances),
    _labelled("cityscapes", open_cityscapes),
    _labelled("ade20k", open_ade),
    _labelled("potsdam", open_potsdam),
    KnownDataset("imagenet-s50", {"maps": _imagenet_s, "points": _imagenet_s}),
    KnownDataset("nus-wide", {"tagging": _read(open_nus_wide)}),
    _camouflaged("cod10k", "COD10K"),
    _camouflaged("camo", "CAMO"),
    _camouflaged("chameleon", "CHAMELEON"),
    _camouflaged("nc4k", "NC4K"),
)

DATASETS: Mapping[str, KnownDataset] = MappingProxyType({each.name: each for each in _KNOWN})
