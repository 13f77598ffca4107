"""An editor's training as a whole: into a folder, resumable, with what it is worth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import TypeAdapter

from seewhy.base.errors import UsageError
from seewhy.models.editing.building import Network
from seewhy.models.editing.config import editor_config
from seewhy.models.editing.decoding import DecodeOptions
from seewhy.models.editing.ensemble import Ensemble
from seewhy.models.editing.sources import FileSourceConfig, load_source
from seewhy.models.editing.storage import EditorParts, load_editor_parts, save_editor
from seewhy.results.files import output_folder, write_json
from seewhy.training.checkpoints import CHECKPOINT_FILE
from seewhy.training.editing.cards import Measured, editor_card
from seewhy.training.editing.files import EditorFiles, FileReading, file_material
from seewhy.training.editing.judging import SHUFFLES, Judge
from seewhy.training.editing.keeping import Standing
from seewhy.training.editing.material import Material, drawn_material
from seewhy.training.editing.members import MemberTraining, known_networks, new_networks
from seewhy.training.editing.presets import (
    Changes,
    EditorPreset,
    NetworkChoice,
    Phase,
    PresetName,
    SourceKind,
    changed,
    editor_preset,
    trained_kinds,
)
from seewhy.training.runtime import Device, this_runtime

METRICS_FILE, MEMBERS = "metrics.json", "training"


@dataclass(frozen=True)
class Machine:
    """Where and how to compute; it changes no result but for rounding.

    `halves` stores the editor in half precision, and measures it so. `threads` are those of the
    processor (None: as the preset has it).
    """

    device: Device = "auto"
    halves: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class EditorTraining:
    """What to train: networks of a preset with changes, on drawn pictures or on `files`.

    `source` and `encoder` say how images are seen, where they are. `start` is an editor to train
    further, as the phases "mse" and "rl" have to; its words and its source stay.
    """

    preset: PresetName = "tiny"
    network: NetworkChoice = "ensemble"
    phase: Phase = "xe"
    source: SourceKind = "boxes"
    encoder: str | None = None
    files: EditorFiles | None = None
    start: Path | str | None = None
    changes: Changes = field(default_factory=Changes)
    seed: int = 0


def train_editor(
    training: EditorTraining,
    output: Path,
    *,
    machine: Machine = Machine(),
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Train each network by itself, keep its best on validation, and measure what they make.

    The folder is an editor's, with its card and `metrics.json`; below `training` it has a folder
    for each network with tables of losses and validations, and a checkpoint. Weights after
    `resume` are to the byte those of a training that was never interrupted, on the same machine
    and settings.
    """
    preset = changed(editor_preset(training.preset), training.changes)
    kinds = trained_kinds(training.network, training.phase)
    for kind in kinds:
        preset.recipe(kind, training.phase)
    if training.phase != "xe" and training.start is None:
        raise UsageError(
            f"the phase {training.phase} goes on where another one ended. Name an editor to start "
            "from (--start)."
        )
    home = output_folder(output)
    _check_folder(home, resume=resume)
    with _threads(machine.threads or preset.threads):
        _Job(training, preset, machine, progress).run(home)
    return home


def _check_folder(home: Path, *, resume: bool) -> None:
    has_any = any((home / MEMBERS).glob(f"*/{CHECKPOINT_FILE}"))
    if has_any and not resume:
        raise UsageError(f"{home} holds a training already. Give --resume, or another folder.")
    if resume and not has_any:
        raise UsageError(f"{home} holds no training to go on with. Leave --resume out.")


@dataclass(frozen=True, eq=False)
class _Job:
    """One training."""

    training: EditorTraining
    preset: EditorPreset
    machine: Machine
    progress: bool

    def run(self, home: Path) -> None:
        """Train all that is to be trained, and say what it is worth."""
        training, device = self.training, this_runtime(self.machine.device).device
        start = None if training.start is None else load_editor_parts(training.start)
        material = self._material(home, start)
        kinds = trained_kinds(training.network, training.phase)
        if start is None:
            networks = new_networks(self.preset, training.network, material, seed=training.seed)
        else:
            networks = known_networks(start, kinds, material)
        best: dict[str, Standing] = {}
        member = self._member(material)
        for network in networks:
            kind = network.config.kind
            if kind in kinds:
                best[kind] = member.train(network.to(device), home / MEMBERS / kind)
        config = editor_config(
            networks=tuple(network.config for network in networks),
            weights=self._weights(networks) if start is None else start.config.weights,
            source=material.source,
            longest=material.writer.longest,
        )
        parts = EditorParts(config, material.writer.vocabulary, networks)
        self._finish(home, parts, material, best)

    def _material(self, home: Path, start: EditorParts | None) -> Material:
        training, files = self.training, self.training.files
        config = None if start is None else start.config.source
        if config is None and (files is None or files.images is not None):
            config = self.preset.sight.source(training.source, training.encoder)
        vocabulary = None if start is None else start.vocabulary
        source = None
        if config is not None and not isinstance(config, FileSourceConfig):
            device = this_runtime(self.machine.device).device
            source = load_source(config, device=str(device))
        if files is not None:
            return file_material(
                self.preset,
                files,
                FileReading(home, source, self.progress),
                vocabulary=vocabulary,
                seed=training.seed,
            )
        if source is None:
            raise UsageError("this editor reads features from a file. Name captions and features.")
        return drawn_material(
            self.preset,
            source,
            vocabulary=vocabulary,
            seed=training.seed,
            progress=self.progress,
        )

    def _weights(self, networks: tuple[Network, ...]) -> tuple[float, ...] | None:
        known = self.preset.weights
        if len(networks) == 1 or not known:
            return None
        return tuple(known[network.config.kind] for network in networks)

    def _member(self, material: Material) -> MemberTraining:
        training = self.training
        settings = {
            "preset": _plain(self.preset),
            "phase": training.phase,
            "seed": training.seed,
            "source": material.source.model_dump(mode="json"),
            "start": None if training.start is None else str(training.start),
            **material.told,
        }
        return MemberTraining(
            self.preset,
            training.phase,
            material,
            self._judge(material, self.preset.beams),
            settings,
            seed=training.seed,
            is_further=training.start is not None,
            progress=self.progress,
        )

    def _judge(self, material: Material, beams: int) -> Judge:
        limit, batch = self.preset.longest + 1, self.preset.batch
        return Judge(material.writer, DecodeOptions(beams=beams, limit=limit, batch=batch))

    def _finish(
        self, home: Path, parts: EditorParts, material: Material, best: dict[str, Standing]
    ) -> None:
        """Measure the editor as it is stored, and say so in the folder."""
        save_editor(home, parts, halves=self.machine.halves)
        stored = load_editor_parts(home)
        device = this_runtime(self.machine.device).device
        networks = tuple(network.to(device) for network in stored.networks)
        judge, final = self._judge(material, DecodeOptions().beams), material.final
        whole = _joined(networks, stored.config.weights).to(device)
        measured = Measured(
            judge.judged(whole, final),
            {shuffle: judge.judged(whole, final, shuffle=shuffle) for shuffle in SHUFFLES},
            {network.config.kind: judge.judged(network, final) for network in networks},
        )
        training = self.training
        told = {
            "preset": training.preset,
            "phase": training.phase,
            **material.told,
            "regions": material.source.kind,
            "steps (best)": ", ".join(
                f"{kind} {each.step} ({each.best_step})" for kind, each in best.items()
            ),
            "seed": training.seed,
        }
        write_json(home / METRICS_FILE, measured.document)
        card = editor_card(stored.config, measured, told=told)
        save_editor(home, parts, halves=self.machine.halves, card=card)


def _joined(networks: tuple[Network, ...], weights: tuple[float, ...] | None) -> Network | Ensemble:
    return networks[0] if len(networks) == 1 else Ensemble(networks, weights)


def _plain(preset: EditorPreset) -> object:
    found: object = TypeAdapter(EditorPreset).dump_python(preset, mode="json")
    return found


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Within it torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
