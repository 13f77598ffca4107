"""Every number by which narrators are trained: a preset for each published one, and a small one.

Source of the published ones: NLX-GPT (CVPR 2022) and Uni-NLX (ICCVW 2023), by their code. Where
they choose on test data, validation data are used here, and gradients are clipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from seewhy.base.errors import UsageError
from seewhy.data.narration.prompts import QUESTION, Prompts
from seewhy.models.narration.config import ConvTowerConfig, EncoderTowerConfig, TowerConfig
from seewhy.models.narration.layouts import RowLayout, row_layout
from seewhy.models.narration.published import PUBLISHED_TOWER
from seewhy.models.narration.rows import LONGEST_CAPTION
from seewhy.models.preprocessing import Preprocessing
from seewhy.training.rates import Rates
from seewhy.training.runtime import Precision

PresetName = Literal["tiny", "nlx-gpt", "uni-nlx"]
Selection = Literal["truth", "cider", "accuracy"]
PRESETS: tuple[PresetName, ...] = ("tiny", "nlx-gpt", "uni-nlx")


@dataclass(frozen=True)
class LossWeights:
    """How much the parts of a row count; `lead` is "the answer is", which never changes.

    By "tokens" every token counts its part's weight, so that long reasons count more: with all
    weights 1 this is the published loss. By "parts" the mean of each part does. `sight` is the
    weight of what lies in the quarters of drawn scenes (`quarters`) and `mentions` that of which of
    them phrases fit (`mentions`); both come on top.
    """

    by: Literal["tokens", "parts"] = "tokens"
    lead: float = 1.0
    answer: float = 1.0
    reason: float = 1.0
    caption: float = 1.0
    sight: float = 0.0
    mentions: float = 0.0

    @property
    def parts(self) -> tuple[float, float, float, float]:
        """The weights in the order of `batches.PARTS`."""
        return self.lead, self.answer, self.reason, self.caption


@dataclass(frozen=True)
class Decoder:
    """GPT-2's sizes; those of a decoder with weights of its own are read from its folder.

    New weights have the deviation `initial`: GPT-2's suits its width of 768, a narrow decoder
    begins with attention that is all but even.
    """

    width: int = 768
    blocks: int = 6
    heads: int = 12
    positions: int = 1024
    dropout: float = 0.1
    initial: float = 0.02


@dataclass(frozen=True)
class Checks:
    """When narrations are judged, on how many questions, and what makes a narrator the best.

    `every` counts steps, 0 stands for epochs. Drawn questions come by these numbers for all tasks
    together; of a file, `questions` are used for validation and all for the final figures.
    """

    every: int
    questions: int
    final: int
    select: Selection
    batch: int = 64


@dataclass(frozen=True)
class NarratorPreset:
    """How a narrator is made and trained; `steps` is None where `epochs` count.

    `captions` is the share of rows that are captions, where there are both. `prompts` are given
    where every record gets the question of its task (None: as the layout has it). A decoder that
    `needs_weights` is not trained from nothing. From the batch `settled` on only that share is
    asked of kinds of drawn questions in `shares`. `batch` is that of one device and one pass, of
    which `accumulate` make a step.
    """

    name: PresetName
    layout: RowLayout
    decoder: Decoder
    tower: TowerConfig
    preprocessing: Preprocessing
    rates: Rates
    checks: Checks
    batch: int
    steps: int | None = None
    epochs: int = 0
    accumulate: int = 1
    captions: float = 0.0
    prompts: Prompts | None = None
    loss: LossWeights = field(default_factory=LossWeights)
    precision: Precision = "fp32"
    grid_code: Literal["none", "sine"] = "none"
    needs_weights: bool = True
    shares: Mapping[str, float] = field(default_factory=dict)
    settled: int = 0


@dataclass(frozen=True)
class Changes:
    """What a user sets otherwise than the preset; None leaves it."""

    steps: int | None = None
    batch: int | None = None
    accumulate: int | None = None
    learning_rate: float | None = None
    captions: float | None = None
    precision: Precision | None = None
    check_every: int | None = None
    questions: int | None = None
    final: int | None = None


def changed(preset: NarratorPreset, changes: Changes) -> NarratorPreset:
    """The preset with these changes."""
    given = {name: value for name, value in vars(changes).items() if value is not None}
    rates, checks = preset.rates, preset.checks
    if "learning_rate" in given:
        rates = replace(rates, learning_rate=given.pop("learning_rate"))
    if "check_every" in given:
        checks = replace(checks, every=given.pop("check_every"))
    told = {name: given.pop(name) for name in ("questions", "final") if name in given}
    return replace(preset, rates=rates, checks=replace(checks, **told), **given)


_IMAGENET = Preprocessing(224, resize="squash", interpolation="bilinear")
_CLIP = EncoderTowerConfig(name=PUBLISHED_TOWER, width=None)
_LEARNING_RATE = 2e-5
_FROM_CAPTIONS = 1e-5

VALIDATION_SEED, FINAL_SEED = 1, 2
"""Where drawn questions to choose by and to measure by start; both are of the held-out split."""
SAVE_EVERY = 250
"""Steps between two checkpoints, beside those at validations."""

DRAWN_PROMPTS = Prompts(
    {
        **Prompts().templates,
        # Drawn scenes show no person, and their own wordings of the other question vary.
        "actX": "how are the objects placed",
        "imagenetX": QUESTION,
    }
)

TINY = NarratorPreset(
    name="tiny",
    # Without a box a question about object2 has no answer, so all rows have room for objects.
    layout=RowLayout(48, question="as stored", has_objects=True, generated=40),
    decoder=Decoder(width=128, blocks=3, heads=4, positions=96, dropout=0.0, initial=0.07),
    tower=ConvTowerConfig(channels=(32, 64, 128)),
    preprocessing=Preprocessing(64, resize="squash", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    rates=Rates(1.5e-3, "one-cycle", warmup=0.05, weight_decay=0.05, betas=(0.9, 0.98), eps=1e-8),
    checks=Checks(every=700, questions=560, final=2100, select="truth"),
    batch=64,
    steps=7000,
    captions=0.15,
    prompts=DRAWN_PROMPTS,
    loss=LossWeights(sight=1.0, mentions=1.0),
    precision="bf16",
    grid_code="sine",
    needs_weights=False,
    # Of one object: learnt at first, and needed by comparisons, relations and odd ones.
    shares={
        **dict.fromkeys(("colour", "shape", "arrangement", "main object"), 0.12),
        "hypothesis": 0.25,
        "existence": 0.3,
        "count": 0.7,
    },
    settled=1500,
)

_NLX_GPT = NarratorPreset(
    name="nlx-gpt",
    layout=row_layout("vqax"),
    decoder=Decoder(),
    tower=_CLIP,
    preprocessing=_IMAGENET,
    rates=Rates(_LEARNING_RATE),
    checks=Checks(every=0, questions=2000, final=0, select="cider"),
    batch=32,
    epochs=30,
)

_CAPTIONS = replace(
    _NLX_GPT,
    layout=RowLayout(LONGEST_CAPTION, question="none", lead="", has_segments=False),
    rates=Rates(1e-4),
    accumulate=6,
)

NLX_GPT_TASKS: Mapping[str, NarratorPreset] = {
    "vqaX": _NLX_GPT,
    "actX": replace(_NLX_GPT, layout=row_layout("act")),
    "esnlive": replace(_NLX_GPT, layout=row_layout("esnlive"), epochs=10),
    "vcr": replace(_NLX_GPT, layout=row_layout("vcr"), batch=16),
    "captions": _CAPTIONS,
}

UNI_NLX = replace(
    _NLX_GPT,
    name="uni-nlx",
    layout=row_layout("uninlx"),
    batch=64,
    epochs=20,
    prompts=Prompts(),
)


def narrator_preset(name: str, task: str | None = None) -> NarratorPreset:
    """The preset; of "nlx-gpt" that of a task, by default "vqaX".

    Raises `UsageError` for an unknown preset, or a task that "nlx-gpt" has none for.
    """
    match name:
        case "tiny":
            return TINY
        case "uni-nlx":
            return UNI_NLX
        case "nlx-gpt":
            return _of_task(task or "vqaX")
        case _:
            raise UsageError(f"no preset {name!r}; there are {', '.join(PRESETS)}.")


def from_captions(preset: NarratorPreset) -> NarratorPreset:
    """The preset for a narrator that learnt captions before: published ones learn at half rate."""
    if not preset.needs_weights or preset.rates.learning_rate != _LEARNING_RATE:
        return preset
    return replace(preset, rates=replace(preset.rates, learning_rate=_FROM_CAPTIONS))


def _of_task(task: str) -> NarratorPreset:
    if task not in NLX_GPT_TASKS:
        raise UsageError(
            f"the preset nlx-gpt has no task {task!r}; it has {', '.join(NLX_GPT_TASKS)}. Other "
            "tasks are trained with uni-nlx."
        )
    return NLX_GPT_TASKS[task]
