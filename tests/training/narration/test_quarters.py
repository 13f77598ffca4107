import numpy as np
import torch
from tests.training.narration.small import small_narrator
from torch.testing import assert_close

from seewhy.data.narration.drawn.dataset import drawn_narrations
from seewhy.data.narration.drawn.scenes import narration_scene
from seewhy.data.scenes import COLOURS, SIZES
from seewhy.training.narration.batches import BatchMaker
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.loop import Learner
from seewhy.training.narration.losses import COUNTED, target_counts
from seewhy.training.narration.quarters import KINDS, QuarterHead, quarters_of


def scenes(count):
    chance = np.random.default_rng(3)
    return [
        narration_scene(chance, variety="free", count=1 + number % 4, split="train")
        for number in range(count)
    ]


def test_every_object_stands_in_its_quarter():
    made = scenes(12)
    found = quarters_of(made)
    assert (found[..., 0] > 0).sum(1).tolist() == [len(scene.objects) for scene in made]
    for scene, quarters in zip(made, found.tolist(), strict=True):
        for item in scene.objects:
            x, y = item.centre
            kind, colour, size = quarters[(2 if y > 0.5 else 0) + (1 if x > 0.5 else 0)]
            assert (KINDS[kind - 1], list(COLOURS)[colour - 1]) == (item.kind, item.colour)
            assert list(SIZES)[size - 1] == item.size


def test_the_loss_is_the_mean_over_the_tokens_of_each_quarter_added_up():
    torch.manual_seed(0)
    head, tokens, quarters = QuarterHead(8), torch.randn(2, 64, 8), quarters_of(scenes(2))
    expected = 0.0
    for image in range(2):
        for row in range(8):
            for col in range(8):
                place = 2 * (row >= 4) + (col >= 4)
                for number, layer in enumerate(head.traits):
                    shares = layer(tokens[image, 8 * row + col]).softmax(dim=0)
                    expected -= shares[quarters[image, place, number]].log() / 16
    assert_close(head.loss_sum(tokens, quarters, grid=(8, 8)), expected)


def test_the_middle_of_an_odd_grid_is_nobodys():
    head, tokens, quarters = QuarterHead(4), torch.zeros(1, 25, 4), quarters_of(scenes(1))
    before = head.loss_sum(tokens, quarters, grid=(5, 5))
    tokens[0, 2 * 5 : 3 * 5] = 3.0
    assert_close(head.loss_sum(tokens, quarters, grid=(5, 5)), before)


def test_a_learner_adds_what_the_tower_sees_to_its_sums():
    narrator = small_narrator(seed=1)
    made = [each.record for each in drawn_narrations(4, tasks=("vqaX",))]
    maker = ExampleMaker(narrator.rows)
    examples = [maker.example(record, record.explanations[0]) for record in made]
    told, silent = (
        BatchMaker(
            narrator.tokenizer, narrator.config.preprocessing, has_quarters=has_quarters
        ).batch(examples)
        for has_quarters in (True, False)
    )
    learner = Learner(narrator, has_sight=True).eval()
    with torch.no_grad():
        sums, without = learner(told), learner(silent)
        tokens = narrator.tower(told.images)
        grid = narrator.tower.grid(*told.images.shape[2:])
        expected = learner.quarters.loss_sum(tokens, told.quarters, grid=grid)
    place = COUNTED.index("sight")
    assert_close(sums[:place], without[:place])
    assert_close(sums[place], expected)
    assert without[place:].tolist() == [0, 0]
    assert target_counts(told)[place] == 4 * 4
    assert target_counts(silent)[place] == 0
