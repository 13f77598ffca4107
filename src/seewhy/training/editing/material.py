"""What an editor learns from and is judged by: drawn pictures, or the user's own files."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from tqdm import tqdm

from seewhy.base.errors import InternalError, UsageError
from seewhy.data.editing.drawn import EditScene, drawn_edits, edit_scenes
from seewhy.data.editing.facts import EditSplit, edit_words
from seewhy.models.editing.features import ImageFeatures
from seewhy.models.editing.sources import (
    AnySourceConfig,
    BoxSource,
    FeatureSource,
    FileSource,
    GridSource,
)
from seewhy.models.editing.words import EditVocabulary
from seewhy.training.editing.batches import EditExamples, KeptRegions, Writer
from seewhy.training.editing.examples import DrawnExamples
from seewhy.training.editing.judging import Cases
from seewhy.training.editing.presets import FINAL_SEED, VALIDATION_SEED, EditorPreset
from seewhy.training.editing.rewards import CaptionReward
from seewhy.training.editing.scaling import Scale, scaled_regions

_AT_A_TIME = 64


@dataclass(frozen=True, eq=False)
class Material:
    """Examples by the size of a batch, captions to judge by, and what they are.

    `source` and `width` tell how regions came about and how wide they are. With a `scale` those
    to learn from and to choose by are scaled; `final` ones are as a finished editor gets them.
    `reward` weighs words by the captions that are trained on. `told` says to readers and to
    checkpoints what the data are.
    """

    examples: Callable[[int], EditExamples]
    writer: Writer
    validation: Cases
    final: Cases
    reward: Callable[[], CaptionReward]
    source: AnySourceConfig
    width: int
    scale: Scale | None
    told: Mapping[str, object]


def drawn_material(
    preset: EditorPreset,
    source: FeatureSource,
    *,
    vocabulary: EditVocabulary | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Material:
    """Drawn pictures, each seen by the source once; captions get fresh faults in every batch."""
    drawn = preset.drawn
    if drawn is None:
        raise UsageError(f"the preset {preset.name} needs data. Name files, or take tiny.")
    writer = Writer(vocabulary or EditVocabulary(edit_words()), preset.longest)
    scenes = list(edit_scenes(drawn.scenes, seed=seed))
    facts = [scene.facts for scene in scenes]
    plain = KeptRegions.of(_seen(scenes, source, progress=progress))
    scale = Scale.of(plain) if preset.sight.is_scaled else None
    regions = scaled_regions(plain, scale)

    def examples(size: int) -> EditExamples:
        return DrawnExamples(facts, regions, writer, size, seed)

    def cases(count: int, split: EditSplit, start: int) -> Cases:
        chosen = list(edit_scenes(count, seed=start, split=split))
        records = tuple(drawn_edits(count, seed=start, split=split))
        return Cases(records, KeptRegions.of(_seen(chosen, source, progress=progress)))

    def reward() -> CaptionReward:
        return CaptionReward.of(writer.references([each.words]) for each in facts)

    return Material(
        examples,
        writer,
        cases(drawn.validation, "validation", VALIDATION_SEED).scaled(scale),
        cases(drawn.final, "test", FINAL_SEED),
        reward,
        config_of(source),
        source.width,
        scale,
        {"data": "drawn pictures", "pictures": len(scenes)},
    )


def config_of(source: FeatureSource) -> AnySourceConfig:
    """What tells this source from others."""
    if isinstance(source, GridSource | BoxSource | FileSource):
        return source.config
    raise InternalError(f"{type(source).__name__} has no configuration to store.")


def _seen(
    scenes: Sequence[EditScene], source: FeatureSource, *, progress: bool
) -> list[ImageFeatures]:
    """What the source sees in each picture."""
    found: list[ImageFeatures] = []
    with tqdm(total=len(scenes), disable=not progress, delay=2, unit="image") as bar:
        for chunk in _chunks(scenes):
            images = [scene.image() for scene in chunk]
            found += source.features(images, [scene.boxes for scene in chunk])
            bar.update(len(chunk))
    return found


def _chunks(scenes: Iterable[EditScene]) -> Iterator[list[EditScene]]:
    left = iter(scenes)
    while chunk := list(islice(left, _AT_A_TIME)):
        yield chunk
