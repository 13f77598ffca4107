import pytest

from seewhy.base.errors import UsageError
from seewhy.models.editing.sources import BoxSourceConfig, GridSourceConfig
from seewhy.training.editing.presets import (
    COCO_LAM,
    COCO_SET,
    PRESETS,
    TINY,
    Changes,
    OwnWords,
    changed,
    editor_preset,
    trained_kinds,
)


def test_presets_are_found_by_name():
    assert [editor_preset(name).name for name in PRESETS] == list(PRESETS)
    with pytest.raises(UsageError, match="there are tiny, small, coco-set, coco-lam"):
        editor_preset("coco")


def test_own_words_grow_as_published():
    shares = [OwnWords(0.05).share(epoch) for epoch in (0, 4, 5, 10, 24, 40)]
    assert shares == [0.0, 0.0, 0.05, 0.1, 0.2, 0.25]


def test_published_numbers():
    """The table of the specification, section 7."""
    found = {
        key: (each.rates.learning_rate, each.batch, each.patience, each.rates.clip_norm)
        for key, each in {**COCO_SET.recipes, **COCO_LAM.recipes}.items()
    }
    assert found == {
        ("editnet", "xe"): (5e-4, 80, 3, 0.25),
        ("dcnet", "xe"): (5e-4, 60, 3, 0.25),
        ("dcnet", "mse"): (1e-4, 60, 3, 0.25),
        ("editnet", "rl"): (5e-5, 80, 0, 0.25),
        ("dcnet", "rl"): (5e-5, 60, 0, 0.25),
        ("look-modify", "xe"): (5e-4, 100, 8, 0.25),
    }


def test_changes_reach_all_networks_and_phases():
    found = changed(
        TINY,
        Changes(steps=7, batch=3, learning_rate=0.5, width=6, dropout=0.1, scenes=9, pointer=True),
    )
    assert {each.width for each in found.sizes.values()} == {6}
    assert all(each.pointer for each in found.sizes.values())
    assert {(each.steps, each.batch) for each in found.recipes.values()} == {(7, 3)}
    assert {each.rates.learning_rate for each in found.recipes.values()} == {0.5}
    assert (found.drawn.scenes, found.drawn.final) == (9, TINY.drawn.final)
    assert changed(TINY, Changes()) == TINY


def test_epochs_take_the_place_of_steps():
    assert changed(TINY, Changes(epochs=2)).recipe("editnet", "xe").steps is None
    assert changed(TINY, Changes(epochs=2, steps=3)).recipe("editnet", "xe").steps == 3


def test_what_a_preset_does_not_have_is_said():
    with pytest.raises(UsageError, match="coco-lam has no editnet; it has look-modify"):
        COCO_LAM.recipe("editnet", "xe")
    with pytest.raises(UsageError, match="look-modify has no phase rl in coco-lam; it has xe"):
        COCO_LAM.recipe("look-modify", "rl")


@pytest.mark.parametrize(
    ("network", "phase", "kinds"),
    [
        ("ensemble", "xe", ("editnet", "dcnet")),
        ("ensemble", "mse", ("dcnet",)),
        ("ensemble", "rl", ("editnet", "dcnet")),
        ("look-modify", "rl", ("look-modify",)),
    ],
)
def test_who_learns_in_a_phase(network, phase, kinds):
    assert trained_kinds(network, phase) == kinds


@pytest.mark.parametrize("network", ["editnet", "look-modify"])
def test_only_dcnet_has_the_second_phase(network):
    with pytest.raises(UsageError, match="no phase mse"):
        trained_kinds(network, "mse")


def test_how_images_are_seen():
    boxes = TINY.sight.source("boxes", None)
    assert isinstance(boxes, BoxSourceConfig)
    assert (boxes.encoder, boxes.has_places) == ("embedded:ssl-simclr", True)
    grid = COCO_LAM.sight.source("grid", "timm:resnet101")
    assert isinstance(grid, GridSourceConfig)
    assert (grid.encoder, grid.rows, grid.cols, grid.has_mean) == ("timm:resnet101", 14, 14, True)
    with pytest.raises(UsageError, match="--encoder"):
        COCO_LAM.sight.source("grid", None)
