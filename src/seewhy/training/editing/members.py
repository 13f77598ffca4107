"""The training of one network, by itself or as a member of an ensemble."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.editing.building import Network, build_network
from seewhy.models.editing.config import network_config
from seewhy.models.editing.dcnet import DcNet
from seewhy.models.editing.storage import EditorParts
from seewhy.models.guard import device_of
from seewhy.results.files import output_folder
from seewhy.training.checkpoints import CHECKPOINT_FILE
from seewhy.training.editing.judging import Judge
from seewhy.training.editing.keeping import Keeper, Standing, fill_with_best, resumed
from seewhy.training.editing.loop import Course, Stepper, fit_editor, plan_of
from seewhy.training.editing.material import Material
from seewhy.training.editing.phases import (
    PARTS,
    ClosenessLearning,
    Learning,
    RewardLearning,
    WordLearning,
)
from seewhy.training.editing.presets import (
    ENSEMBLE,
    EditorPreset,
    NetworkChoice,
    NetworkKind,
    Phase,
)
from seewhy.training.editing.scaling import for_plain_regions, for_scaled_regions
from seewhy.training.rates import optimiser
from seewhy.training.tables import TrainingTables

_BEFORE_ALL = -1


@dataclass(frozen=True, eq=False)
class MemberTraining:
    """How a network is trained in a phase; one that `is_further` is judged before its first step.

    `settings` are all that its weights depend on.
    """

    preset: EditorPreset
    phase: Phase
    material: Material
    judge: Judge
    settings: Mapping[str, object]
    seed: int = 0
    is_further: bool = False
    progress: bool = False

    def train(self, network: Network, home: Path) -> Standing:
        """Train a network that reads plain regions, or go on with what lies in its folder.

        Afterwards it has the best of its weights, and reads plain regions again.
        """
        kind: NetworkKind = network.config.kind
        material, scale = self.material, self.material.scale
        if scale is not None:
            for_scaled_regions(network, scale)
        recipe = self.preset.recipe(kind, self.phase)
        examples = material.examples(recipe.batch)
        helpers = self._helpers(network)
        module = network if helpers is None else nn.ModuleList([network, helpers])
        stepper = Stepper(
            network,
            self._learning(helpers),
            optimiser(module, recipe.rates),
            plan_of(recipe, examples, seed=self.seed),
            helpers,
        )
        settings = {**self.settings, "network": kind}
        standing, first = Standing(), _BEFORE_ALL
        if (home / CHECKPOINT_FILE).is_file():
            standing = resumed(home, stepper, settings=settings)
            first = standing.step
        tables = TrainingTables(output_folder(home), PARTS[self.phase], first=first)
        cases = material.validation
        keeper = Keeper(home, stepper, self.judge, cases, tables, settings, standing)
        if self.is_further and not standing.step:
            keeper.begin()
        if not standing.is_over:
            course = Course(
                standing.step, keeper.after_step, lambda: keeper.standing.stale, self.progress
            )
            fit_editor(stepper, examples, course)
        tables.close()
        fill_with_best(home, network)
        if scale is not None:
            for_plain_regions(network, scale)
        return keeper.standing

    def _helpers(self, network: Network) -> nn.Linear | None:
        if self.phase != "mse" or not isinstance(network, DcNet):
            return None
        width = network.config.width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return nn.Linear(width, width).to(device_of(network))

    def _learning(self, helpers: nn.Linear | None) -> Learning:
        if helpers is not None:
            return ClosenessLearning(helpers)
        if self.phase == "rl":
            writer = self.material.writer
            return RewardLearning(writer.vocabulary, self.material.reward(), writer.longest)
        return WordLearning()


def new_networks(
    preset: EditorPreset, choice: NetworkChoice, material: Material, *, seed: int
) -> tuple[Network, ...]:
    """Untrained networks of the preset's sizes."""
    kinds = ENSEMBLE if choice == "ensemble" else (choice,)
    return tuple(
        _new_network(preset, kind, material, seed=seed + place) for place, kind in enumerate(kinds)
    )


def known_networks(
    start: EditorParts, kinds: tuple[NetworkKind, ...], material: Material
) -> tuple[Network, ...]:
    """Those of an editor that has been trained before, of which some kinds are to learn further.

    Raises `UsageError` where it lacks one of these kinds, or sees other regions.
    """
    held = [network.config.kind for network in start.networks]
    missing = [kind for kind in kinds if kind not in held]
    if missing:
        raise UsageError(
            f"the editor to start from has no {missing[0]}; it has {', '.join(held)}. Train that "
            "network first, or name another one."
        )
    width = start.config.features
    if width not in (None, material.width):
        raise UsageError(
            f"the editor to start from reads regions of {width} channels, and these have "
            f"{material.width}. Give features from the source that it was trained with."
        )
    return start.networks


def _new_network(
    preset: EditorPreset, kind: NetworkKind, material: Material, *, seed: int
) -> Network:
    sizes = preset.of(kind)
    values: dict[str, object] = {
        "kind": kind,
        "width": sizes.width,
        "attention": sizes.attention,
        "words": material.writer.vocabulary.size,
        "dropout": sizes.dropout,
    }
    if kind != "dcnet":
        values["features"] = material.width
    if kind != "look-modify":
        values["pointer"] = sizes.pointer
    if kind == "editnet":
        values["selection"] = sizes.selection
    if kind == "look-modify":
        values |= {"embedding": sizes.embedding, "sentence": sizes.sentence}
    return build_network(network_config(**values), seed=seed)
