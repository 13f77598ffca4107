"""A narrator's training as a whole: into a folder, resumable, with what it is worth."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from pathlib import Path

from pydantic import TypeAdapter

from seewhy.base.errors import UsageError
from seewhy.data.narration.prompts import Prompts
from seewhy.models.checkpoints import read_weights
from seewhy.models.narration.narrator import Narrator
from seewhy.models.narration.storage import WEIGHTS_FILE, fill_weights, save_narrator
from seewhy.results.files import output_folder, write_json, write_text
from seewhy.training.checkpoints import CHECKPOINT_FILE
from seewhy.training.narration.batches import BatchMaker, batches
from seewhy.training.narration.building import Beginning, begin
from seewhy.training.narration.cards import measured, narrator_card
from seewhy.training.narration.checkpoints import Standing, read_checkpoint
from seewhy.training.narration.examples import ExampleMaker, FileExamples
from seewhy.training.narration.features import FeatureStore, store_features, tower_key
from seewhy.training.narration.judging import Judge
from seewhy.training.narration.keeping import Keeper
from seewhy.training.narration.loop import Learner, Plan, Stepper, batch_numbers, fit_narrator
from seewhy.training.narration.losses import COUNTED
from seewhy.training.narration.material import Files, Material, drawn_material, file_material
from seewhy.training.narration.predictions import write_predictions
from seewhy.training.narration.presets import (
    Changes,
    NarratorPreset,
    PresetName,
    changed,
    from_captions,
    narrator_preset,
)
from seewhy.training.rates import optimiser
from seewhy.training.runtime import Device, Runtime, this_runtime
from seewhy.training.tables import TrainingTables

CARD_FILE, METRICS_FILE, PREDICTIONS = "card.md", "metrics.json", "predictions"
_STEPS_WORTH_A_PROCESS = 200
_MOST_WORKERS = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machine:
    """Where and how to compute; it changes no result but for rounding.

    `features` is a folder for the tokens of a frozen tower. `workers` make batches ahead; None
    chooses. `halves` stores the narrator in half precision, and measures it so.
    """

    device: Device = "auto"
    workers: int | None = None
    features: Path | None = None
    halves: bool = False
    tensorboard: bool = False


@dataclass(frozen=True)
class NarratorTraining:
    """What to train: a preset with changes, on drawn scenes or on `files`.

    `prompts` are questions by task, in the form of `data.narration.prompts`. `alpha` mixes tasks:
    1 by their size, 0 all alike.
    """

    preset: PresetName = "tiny"
    tasks: tuple[str, ...] = ()
    files: Files | None = None
    beginning: Beginning = field(default_factory=Beginning)
    changes: Changes = field(default_factory=Changes)
    prompts: Mapping[str, str] = field(default_factory=dict)
    alpha: float = 1.0
    seed: int = 0


def train_narrator(
    training: NarratorTraining,
    output: Path,
    *,
    machine: Machine = Machine(),
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Train, keep the best on validation, and measure it on questions no choice was made on.

    The folder is a narrator's, with its card, `metrics.json`, tables of losses and validations,
    the predictions and a checkpoint. Weights after `resume` are to the byte those of a training
    that was never interrupted, on the same machine and settings.
    """
    home = output_folder(output)
    if not resume and (home / CHECKPOINT_FILE).exists():
        raise UsageError(f"{output} holds a training already. Give --resume, or another folder.")
    runtime = this_runtime(machine.device)
    preset, material = prepared(training)
    narrator = begin(
        preset,
        training.beginning,
        texts=material.texts,
        prompts=material.prompts,
        seed=training.seed,
    ).to(runtime.device)
    job = _Job(training, preset, material, machine, runtime, narrator, progress)
    best = job.run(home, resume=resume)
    if runtime.is_first:
        job.finish(home, best)
    runtime.wait()
    return home


def prepared(training: NarratorTraining) -> tuple[NarratorPreset, Material]:
    """The preset with all changes, and the data."""
    files = training.files
    task = training.tasks[0] if training.tasks else None
    if task is None and files is not None and files.train:
        task = files.train[0].task
    preset = narrator_preset(training.preset, task)
    if training.beginning.start is not None:
        preset = from_captions(preset)
    preset = changed(preset, training.changes)
    prompts = _prompts(preset, training)
    if files is not None:
        found = file_material(
            preset,
            files,
            tasks=training.tasks,
            prompts=prompts,
            alpha=training.alpha,
            seed=training.seed,
        )
        return preset, found
    if preset.needs_weights or prompts is None:
        raise UsageError(f"the preset {preset.name} needs data. Name files, or take tiny.")
    drawn = drawn_material(preset, tasks=training.tasks, prompts=prompts, seed=training.seed)
    return preset, drawn


def _prompts(preset: NarratorPreset, training: NarratorTraining) -> Prompts | None:
    """The user's over the usual ones; those of drawn scenes are for drawn scenes alone."""
    if preset.prompts is None:
        if training.prompts:
            raise UsageError(
                f"rows of the preset {preset.name} have questions of the data or none at all, so "
                "prompts change nothing. Leave them out, or take uni-nlx."
            )
        return None
    base = preset.prompts if training.files is None else Prompts()
    unknown = sorted(training.prompts.keys() - base.templates.keys())
    if unknown:
        raise UsageError(
            f"a prompt for {', '.join(unknown)}, which is no task; there are "
            f"{', '.join(base.templates)}."
        )
    return Prompts({**base.templates, **training.prompts})  # type: ignore[dict-item]


@dataclass(frozen=True, eq=False)
class _Job:
    """One training with its narrator on its device."""

    training: NarratorTraining
    preset: NarratorPreset
    material: Material
    machine: Machine
    runtime: Runtime
    narrator: Narrator
    progress: bool = False

    @cached_property
    def maker(self) -> ExampleMaker:
        """What makes rows of records; that of caption training knows no questions."""
        maker = ExampleMaker(self.narrator.rows)
        examples = self.material.examples(maker)
        return examples.maker if isinstance(examples, FileExamples) else maker

    @cached_property
    def plan(self) -> Plan:
        """The number of steps follows from the epochs where the preset counts these."""
        preset = self.preset
        return Plan(
            steps=preset.steps or ceil(preset.epochs * self.epoch),
            rates=preset.rates,
            loss=preset.loss,
            accumulate=preset.accumulate,
            precision=preset.precision,
            seed=self.training.seed,
        )

    @property
    def epoch(self) -> float:
        """Steps in which every record comes once; without an end, all."""
        found = self.material.examples(self.maker).epoch
        if found is None:
            return float(self.preset.steps or 1)
        return found / (self.preset.accumulate * self.runtime.processes)

    @property
    def settings(self) -> dict[str, object]:
        """All that decides the weights, for a checkpoint to be held against."""
        stored = TypeAdapter(NarratorPreset).dump_python(self.preset, mode="json")
        beginning = TypeAdapter(Beginning).dump_python(self.training.beginning, mode="json")
        prompts = self.material.prompts
        return {
            **stored,
            **beginning,
            "prompts": None if prompts is None else dict(prompts.templates),
            **self.material.told,
            "plan": self.plan.steps,
            "seed": self.training.seed,
            "processes": self.runtime.processes,
            "device": self.runtime.device.type,
            "features": self.machine.features is not None,
        }

    @cached_property
    def features(self) -> FeatureStore | None:
        """The stored tokens of a frozen tower, those that are missing computed."""
        if self.machine.features is None:
            return None
        if any(each.requires_grad for each in self.narrator.tower.parameters()):
            raise UsageError(
                "the image tower of this preset is trained, so its tokens change and cannot be "
                "stored. Leave --features out."
            )
        store = FeatureStore(output_folder(self.machine.features), tower_key(self.narrator))
        if self.runtime.is_first:
            images = self.material.images
            failed = store_features(self.narrator.eval(), images, store, progress=self.progress)
            if failed:
                _log.warning("%d of %d images cannot be read", failed, len(images))
        self.runtime.wait()
        return store

    @property
    def judge(self) -> Judge:
        """Asks in the same rows as the training does."""
        return Judge(self.maker, self.preset.checks.batch, self.features)

    def run(self, home: Path, *, resume: bool) -> Standing:
        """Train; the best narrator is in the folder afterwards."""
        features = self.features
        has_sight = self.preset.loss.sight > 0
        learner = Learner(self.narrator, has_sight=has_sight).to(self.runtime.device)
        rates = self.preset.rates
        stepper = Stepper(
            self.runtime.prepared(learner), optimiser(learner, rates), self.plan, self.runtime
        )
        standing = Standing()
        if resume:
            standing = read_checkpoint(home, learner, stepper.optimiser, settings=self.settings)
        is_first = self.runtime.is_first
        log = TrainingTables(
            home, COUNTED, first=standing.step, events=self.machine.tensorboard and is_first
        )
        keeper = self._keeper(home, learner, stepper=stepper, log=log, standing=standing)
        fit_narrator(
            stepper,
            batches(
                self.material.examples(self.maker),
                BatchMaker(
                    self.narrator.tokenizer,
                    self.narrator.config.preprocessing,
                    features,
                    has_quarters=has_sight,
                ),
                batch_numbers(self.plan, self.runtime, first=standing.step),
                workers=self._workers(),
            ),
            first=standing.step,
            after_step=keeper.after_step,
            progress=self.progress,
        )
        log.close()
        return keeper.standing

    def finish(self, home: Path, best: Standing) -> None:
        """Measure the best narrator as it is stored, and say so in the folder."""
        narrator = self.narrator
        path = home / WEIGHTS_FILE
        fill_weights(narrator, read_weights(path), source=str(path))
        if self.machine.halves:
            save_narrator(home, narrator, halves=True)
            fill_weights(narrator, read_weights(path), source=str(path))
        judge, final = self.judge, self.material.final
        judgement = judge.judged(narrator, final)
        elsewhere = None
        if len(final) > 1 and any(question.accepted for question in final):
            # Tasks come in turn, so this far on there is another question of the same task.
            shift = len({question.record.task for question in final})
            elsewhere = judge.judged(narrator, final, shift=shift).figures.get("accuracy")
        told = {
            **self.material.told,
            "best of steps": best.best_step,
            "steps": self.plan.steps,
            "seed": self.training.seed,
        }
        card = narrator_card(
            narrator, self.preset, told=told, judgement=judgement, not_looking=elsewhere
        )
        write_text(home / CARD_FILE, card)
        write_json(home / METRICS_FILE, measured(judgement, elsewhere))
        write_predictions(
            home / PREDICTIONS, judgement, name=self.preset.name, number=best.best_step
        )

    def _keeper(
        self,
        home: Path,
        learner: Learner,
        *,
        stepper: Stepper,
        log: TrainingTables,
        standing: Standing,
    ) -> Keeper:
        checks = self.preset.checks
        return Keeper(
            home,
            learner,
            stepper,
            judge=self.judge,
            questions=self.material.validation,
            select=checks.select,
            check_every=checks.every or max(1, round(self.epoch)),
            log=log,
            settings=self.settings,
            standing=standing,
        )

    def _workers(self) -> int:
        if self.machine.workers is not None:
            return self.machine.workers
        is_long = self.plan.steps >= _STEPS_WORTH_A_PROCESS
        return min(_MOST_WORKERS, _processors() - 1) if is_long else 0


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
