"""The order in which parts merge: a binary tree over the shards."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """The part of the shards from `first` up to, not including, `end`."""

    key: str
    first: int
    end: int
    children: tuple["Node", ...] = ()


def tree_of(keys: Sequence[str], first: int = 0) -> Node:
    """The tree over shards with these keys; its root.

    A node splits at the largest power of two below its count, so that what is complete stays
    when shards are added at the end.
    """
    if len(keys) == 1:
        return Node(keys[0], first, first + 1)
    split = 1 << ((len(keys) - 1).bit_length() - 1)
    left, right = tree_of(keys[:split], first), tree_of(keys[split:], first + split)
    key = hashlib.sha256((left.key + right.key).encode()).hexdigest()
    return Node(key, left.first, right.end, (left, right))
