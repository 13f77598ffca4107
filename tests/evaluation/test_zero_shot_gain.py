import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.zero_shot_gain import zero_shot_gain


def scores(guesses, classes=3):
    return np.eye(classes)[np.array(guesses)]


def test_the_gain_by_hand():
    truth = np.array([0, 0, 1, 1, 2, 2])
    base, extended = scores([0, 1, 1, 1, 0, 0]), scores([0, 0, 1, 0, 2, 0])
    every = zero_shot_gain(base, extended, truth, choice="all")
    assert (every.base, every.extended) == (3 / 6, 4 / 6)
    assert every.kept.all()
    found = zero_shot_gain(base, extended, truth, choice="published")
    assert found.kept.tolist() == [True, False, True]
    # Columns are mixed: on image 3 the new one of class 0 ties with the old one of class 1.
    assert found.base == 3 / 6
    assert found.extended == 4 / 6


def test_texts_that_help_are_kept_and_measured_on_other_images():
    truth = np.repeat(np.arange(3), 20)
    base, extended = scores(np.zeros(60, dtype=int)), scores(truth)
    found = zero_shot_gain(base, extended, truth)
    assert (found.base, found.extended, found.images) == (1 / 3, 1, 30)


def test_without_an_effect_the_published_choice_gains_and_the_held_out_one_does_not():
    generator = np.random.default_rng(0)
    gains = {"published": [], "held-out": []}
    for seed in range(60):
        truth = np.repeat(np.arange(10), 10)
        base, extended = generator.normal(size=(2, 100, 10)) + 1.5 * np.eye(10)[truth]
        for choice, seen in gains.items():
            found = zero_shot_gain(base, extended, truth, choice=choice, seed=seed)
            seen.append(found.extended - found.base)
    means = {choice: np.mean(seen) for choice, seen in gains.items()}
    error = np.std(gains["held-out"]) / np.sqrt(60)
    assert means["published"] > 0.02
    assert abs(means["held-out"]) < 3 * error
    assert means["held-out"] < means["published"] / 2


def test_what_cannot_be_measured_is_refused():
    truth = np.array([0, 1, 2])
    good = scores([0, 1, 2])
    with pytest.raises(UsageError, match="no class has two images"):
        zero_shot_gain(good, good, truth)
    with pytest.raises(UsageError, match="NaN"):
        zero_shot_gain(good, good * np.nan, truth)
    with pytest.raises(UsageError, match="labels go from 0 to 3"):
        zero_shot_gain(good, good, np.array([0, 1, 3]))
