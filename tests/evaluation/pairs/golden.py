"""The stored pairs with the stored maps, and what the published metrics made of them."""

from functools import cache

from tests.methods.pairs.golden import golden_encoder, tensor, views

from seewhy.evaluation.pairs.explained import ExplainedPairs
from seewhy.methods.pairs.method import PairMaps


def stored_pairs():
    return ExplainedPairs(*views(), tensor("metrics", "expl1"), tensor("metrics", "expl2"))


@cache
def encoder():
    return golden_encoder()


def embed(pixels):
    return encoder().embed(pixels)


def bare_maps(first, second):
    """Maps as a method returns them, of views whose similarity does not matter."""
    return PairMaps(first, second, first.new_zeros(len(first)))
