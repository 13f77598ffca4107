import math
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.unit_naming.activations import strongest_images
from seewhy.methods.unit_naming.information import (
    log_likelihoods,
    membership,
    prior_by_chance,
    prior_over_units,
    soft_wpmi,
    text_probabilities,
)

GENERATOR = torch.Generator().manual_seed(0)
ACTIVATIONS = torch.rand(9, 4, generator=GENERATOR)
SIMILARITIES = torch.rand(9, 5, generator=GENERATOR) * 2 - 1
PROBABILITIES = text_probabilities(SIMILARITIES)


def slow_scores(activations, similarities, top):
    """The paper's definition in loops of Python numbers."""
    exponentials = [[math.exp(10 * value) for value in row] for row in similarities.tolist()]
    shares = [[value / sum(row) for value in row] for row in exponentials]
    logs = []
    for unit in activations.T.tolist():
        images = sorted(range(len(unit)), key=lambda image: -unit[image])[:top]
        logs.append([
            sum(
                math.log(1 + (0.998 - rank / top * 0.028) * (shares[image][text] - 1) + 1e-7)
                for rank, image in enumerate(images)
            )
            for text in range(len(shares[0]))
        ])  # fmt: skip
    means = [np.mean([math.exp(row[text]) for row in logs]) for text in range(len(logs[0]))]
    return [[value - math.log(means[text]) for text, value in enumerate(row)] for row in logs]


def test_the_published_score_is_that_of_the_definition():
    chosen = strongest_images(ACTIVATIONS, count=3)
    likelihoods = log_likelihoods(PROBABILITIES, chosen)
    scores = soft_wpmi(likelihoods, prior_over_units(likelihoods))
    assert_close(
        scores, torch.tensor(slow_scores(ACTIVATIONS, SIMILARITIES, 3)), rtol=1e-4, atol=1e-4
    )


def test_images_count_less_from_the_first_on():
    assert_close(membership(4), torch.tensor([0.998, 0.991, 0.984, 0.977]))


def test_with_the_published_prior_units_share_a_text():
    """Why no score can exceed the logarithm of the number of units."""
    likelihoods = log_likelihoods(PROBABILITIES, strongest_images(ACTIVATIONS, count=4))
    scores = soft_wpmi(likelihoods, prior_over_units(likelihoods))
    assert_close(scores.exp().sum(dim=0), torch.full((5,), 4.0))
    assert scores.max() <= math.log(4)


def test_a_single_unit_has_no_prior_over_units():
    with pytest.raises(UsageError, match="there is one"):
        prior_over_units(torch.zeros(1, 5))


def test_the_prior_by_chance_is_the_mean_over_all_draws():
    draws = torch.tensor(list(permutations(range(6), 3)))
    wanted = log_likelihoods(PROBABILITIES[:6], draws).double().mean(dim=0).float()
    assert_close(prior_by_chance(PROBABILITIES[:6], top=3), wanted, rtol=1e-4, atol=1e-4)


def test_sure_images_leave_nothing_to_lose():
    certain = torch.zeros(4, 2)
    certain[:, 0] = 1
    likelihoods = log_likelihoods(certain, torch.tensor([[0, 1, 2]]))
    assert_close(likelihoods[0, 0], torch.tensor(0.0), atol=1e-5, rtol=0)
    assert_close(likelihoods[0, 1], (1 - membership(3) + 1e-7).log().sum())
