"""Every number by which caption editors are trained: published recipes, and small ones.

Source of the published ones: Show, Edit and Tell (CVPR 2020) and Look and Modify (BMVC 2019), by
their code. Three things differ: words are counted on the training split alone, the best weights
are chosen on validation captions alone, and pads are known by lengths.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from seewhy.base.errors import UsageError
from seewhy.models.editing.sources import AnySourceConfig, BoxSourceConfig, GridSourceConfig
from seewhy.training.rates import Rates

PresetName = Literal["tiny", "small", "coco-set", "coco-lam"]
NetworkKind = Literal["editnet", "dcnet", "look-modify"]
NetworkChoice = Literal["editnet", "dcnet", "look-modify", "ensemble"]
Phase = Literal["xe", "mse", "rl"]
Selection = Literal["hard", "soft"]
SourceKind = Literal["boxes", "grid"]

PRESETS: tuple[PresetName, ...] = get_args(PresetName)
PHASES: tuple[Phase, ...] = get_args(Phase)
ENSEMBLE: tuple[NetworkKind, ...] = ("editnet", "dcnet")

VALIDATION_SEED, FINAL_SEED = 1, 2
"""Where the faults of drawn captions to choose by and to measure by start."""
SAVE_EVERY = 250
"""Steps between two checkpoints, beside those at validations."""


@dataclass(frozen=True)
class Sizes:
    """Widths of a network, as its configuration explains them, and its dropout.

    `embedding` and `sentence` are Look and Modify's alone, `selection` EditNet's.
    """

    width: int
    attention: int
    dropout: float
    embedding: int = 0
    sentence: Literal["given", "mean", "ordered"] = "ordered"
    selection: Selection = "hard"
    pointer: bool = False


@dataclass(frozen=True)
class OwnWords:
    """Scheduled sampling: how often a network reads its own last word in place of the true one.

    The share grows by `rise` every `every` epochs, up to `most`. Epoch 0 has none.
    """

    rise: float = 0.0
    every: int = 5
    most: float = 0.25

    def share(self, epoch: int) -> float:
        """The share in an epoch, counted from 0."""
        return min(self.most, self.rise * (epoch // self.every))


@dataclass(frozen=True)
class Recipe:
    """How one network learns in one phase; `steps` is None where `epochs` count.

    Every `check_every` steps (0: after each epoch) captions of the validation data are edited.
    After `patience` validations in a row without a better one the phase ends early (0: never).
    """

    rates: Rates
    batch: int
    steps: int | None = None
    epochs: int = 0
    check_every: int = 0
    patience: int = 0
    own_words: OwnWords = field(default_factory=OwnWords)


@dataclass(frozen=True)
class Drawn:
    """How many drawn pictures there are to learn from, to choose by and to measure by."""

    scenes: int = 6000
    validation: int = 400
    final: int = 1000


@dataclass(frozen=True)
class Sight:
    """How images are seen: by which encoder (None: the user names it), and on which grid.

    With `is_scaled` every channel of a region has the same scale while networks learn.
    """

    encoder: str | None = None
    grid: tuple[int, int] | None = None
    has_mean: bool = False
    has_places: bool = True
    is_scaled: bool = True

    def source(self, kind: SourceKind, encoder: str | None) -> AnySourceConfig:
        """The source of features; `UsageError` where no encoder is named."""
        name = encoder or self.encoder
        if name is None:
            raise UsageError("images are seen by an encoder. Name one with --encoder.")
        values: dict[str, Any] = {"encoder": name, "has_places": self.has_places}
        if kind == "boxes":
            return BoxSourceConfig(**values)
        rows, cols = self.grid or (None, None)
        return GridSourceConfig(rows=rows, cols=cols, has_mean=self.has_mean, **values)


@dataclass(frozen=True)
class EditorPreset:
    """How editors are made and trained.

    Words that stand `least` times in the captions to learn from have ids of their own, and of a
    caption `longest` words are read and written. `beams` are those of validations, which edit
    `batch` captions at a time. `weights` are those of networks in an ensemble (none: equal).
    Small networks are fastest on few `threads` (None: all).
    """

    name: PresetName
    sizes: Mapping[NetworkKind, Sizes]
    recipes: Mapping[tuple[NetworkKind, Phase], Recipe]
    sight: Sight
    longest: int = 18
    least: int = 1
    beams: int = 1
    batch: int = 128
    drawn: Drawn | None = None
    threads: int | None = None
    weights: Mapping[NetworkKind, float] = field(default_factory=dict)

    def of(self, kind: NetworkKind) -> Sizes:
        """The sizes of a network; `UsageError` where the preset has none."""
        if kind not in self.sizes:
            raise UsageError(
                f"the preset {self.name} has no {kind}; it has {', '.join(self.sizes)}."
            )
        return self.sizes[kind]

    def recipe(self, kind: NetworkKind, phase: Phase) -> Recipe:
        """How a network learns in a phase; `UsageError` where it has no such phase."""
        self.of(kind)
        found = self.recipes.get((kind, phase))
        if found is None:
            known = ", ".join(each for named, each in self.recipes if named == kind)
            raise UsageError(f"{kind} has no phase {phase} in {self.name}; it has {known}.")
        return found


@dataclass(frozen=True)
class Changes:
    """What a user sets otherwise than the preset; None leaves it."""

    steps: int | None = None
    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    width: int | None = None
    dropout: float | None = None
    selection: Selection | None = None
    pointer: bool | None = None
    check_every: int | None = None
    scenes: int | None = None
    validation: int | None = None
    final: int | None = None


def changed(preset: EditorPreset, changes: Changes) -> EditorPreset:
    """The preset with these changes, in all its networks and phases."""
    given = {name: value for name, value in vars(changes).items() if value is not None}
    sizes = {
        kind: replace(each, **_only(given, "width", "dropout", "selection", "pointer"))
        for kind, each in preset.sizes.items()
    }
    recipes = {key: _changed_recipe(each, given) for key, each in preset.recipes.items()}
    drawn = preset.drawn
    if drawn is not None:
        drawn = replace(drawn, **_only(given, "scenes", "validation", "final"))
    return replace(preset, sizes=sizes, recipes=recipes, drawn=drawn)


def _changed_recipe(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    found = replace(recipe, **_only(given, "steps", "epochs", "batch", "check_every"))
    if "steps" not in given and "epochs" in given:
        found = replace(found, steps=None)
    rates = {"learning_rate": given["learning_rate"]} if "learning_rate" in given else {}
    return replace(found, rates=replace(found.rates, **rates))


def _only(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def editor_preset(name: str) -> EditorPreset:
    """The preset of this name; `UsageError` with all names for another."""
    found = {each.name: each for each in (TINY, SMALL, COCO_SET, COCO_LAM)}
    for known, preset in found.items():
        if known == name:
            return preset
    raise UsageError(f"no preset {name!r}; there are {', '.join(PRESETS)}.")


def trained_kinds(network: NetworkChoice, phase: Phase) -> tuple[NetworkKind, ...]:
    """The networks that learn in a phase: of an ensemble only DCNet has "mse".

    Raises `UsageError` where there is none.
    """
    kinds: tuple[NetworkKind, ...] = ENSEMBLE if network == "ensemble" else (network,)
    found = tuple(kind for kind in kinds if phase != "mse" or kind == "dcnet")
    if not found:
        raise UsageError(
            f"{network} has no phase mse: only dcnet summarises captions. Take xe or rl."
        )
    return found


def _one_cycle(rate: float, *, steps: int, warmup: float = 0.15, every: int = 250) -> Recipe:
    rates = Rates(
        rate,
        "one-cycle",
        warmup=warmup,
        weight_decay=0.01,
        betas=(0.9, 0.98),
        eps=1e-8,
        clip_norm=5.0,
    )
    return Recipe(rates, 64, steps=steps, check_every=every)


_TINY_XE = _one_cycle(4e-3, steps=800)
# One sample per caption is a noisy teacher: larger batches, and more steps, than for words.
_TINY_RL = replace(_one_cycle(5e-4, steps=500, every=100), batch=128)

TINY = EditorPreset(
    "tiny",
    {
        "editnet": Sizes(96, 48, 0.0),
        "dcnet": Sizes(96, 48, 0.0),
        "look-modify": Sizes(96, 96, 0.0, embedding=96),
    },
    {
        ("editnet", "xe"): _TINY_XE,
        ("dcnet", "xe"): _TINY_XE,
        ("dcnet", "mse"): _one_cycle(1e-3, steps=300, every=100),
        ("look-modify", "xe"): _TINY_XE,
        ("editnet", "rl"): _TINY_RL,
        ("dcnet", "rl"): _TINY_RL,
        ("look-modify", "rl"): _TINY_RL,
    },
    Sight("embedded:ssl-simclr", (4, 4)),
    longest=14,
    drawn=Drawn(),
    threads=1,
    # DCNet cannot know what the image mends, and is sure of it all the same: of equal weight, it
    # keeps two faults in a hundred that EditNet would mend.
    weights={"editnet": 2.0, "dcnet": 1.0},
)


def _published(
    rate: float,
    batch: int,
    *,
    epochs: int,
    patience: int = 0,
    factor: float = 1.0,
    fall_every: int = 0,
) -> Recipe:
    rates = Rates(rate, "falling", eps=1e-8, clip_norm=0.25, factor=factor, fall_every=fall_every)
    return Recipe(rates, batch, epochs=epochs, patience=patience)


def _published_xe(batch: int, *, epochs: int, patience: int = 3) -> Recipe:
    return _published(5e-4, batch, epochs=epochs, patience=patience, factor=0.8, fall_every=3)


_EDITNET_XE = replace(_published_xe(80, epochs=25), own_words=OwnWords(0.05))
# Published counts go on from those of the phases before: at least so many are left.
_EDITNET_RL = _published(5e-5, 80, epochs=5, factor=0.5)
_DCNET_RL = _published(5e-5, 60, epochs=30, factor=0.5)

COCO_SET = EditorPreset(
    "coco-set",
    {"editnet": Sizes(1024, 512, 0.5), "dcnet": Sizes(1024, 512, 0.5)},
    {
        ("editnet", "xe"): _EDITNET_XE,
        ("dcnet", "xe"): _published_xe(60, epochs=10),
        ("dcnet", "mse"): _published(1e-4, 60, epochs=10, patience=3),
        ("editnet", "rl"): _EDITNET_RL,
        ("dcnet", "rl"): _DCNET_RL,
    },
    Sight(grid=(6, 6), has_places=False, is_scaled=False),
    least=3,
    beams=3,
)

COCO_LAM = EditorPreset(
    "coco-lam",
    {"look-modify": Sizes(1000, 512, 0.5, embedding=1000)},
    {("look-modify", "xe"): _published_xe(100, epochs=50, patience=8)},
    Sight(grid=(14, 14), has_mean=True, has_places=False, is_scaled=False),
    longest=50,
    least=6,
    beams=3,
)

_SMALL_SIZES = Sizes(256, 128, 0.2, embedding=256)
SMALL = EditorPreset(
    "small",
    {
        "editnet": _SMALL_SIZES,
        "dcnet": _SMALL_SIZES,
        "look-modify": replace(_SMALL_SIZES, attention=256),
    },
    {
        ("editnet", "xe"): _EDITNET_XE,
        ("dcnet", "xe"): COCO_SET.recipes["dcnet", "xe"],
        ("dcnet", "mse"): COCO_SET.recipes["dcnet", "mse"],
        ("look-modify", "xe"): COCO_LAM.recipes["look-modify", "xe"],
        ("editnet", "rl"): _EDITNET_RL,
        ("dcnet", "rl"): _DCNET_RL,
        ("look-modify", "rl"): _EDITNET_RL,
    },
    Sight(),
    least=2,
)
