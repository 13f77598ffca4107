import hashlib
from math import log2

from hypothesis import given
from hypothesis import strategies as st

from seewhy.passes.tree import tree_of


def keys(count):
    return [hashlib.sha256(bytes([number])).hexdigest() for number in range(count)]


def nodes(node):
    return [node, *(below for child in node.children for below in nodes(child))]


def test_five_shards_by_hand():
    def joined(left, right):
        return hashlib.sha256((left + right).encode()).hexdigest()

    a, b, c, d, e = keys(5)
    root = tree_of([a, b, c, d, e])
    four, last = root.children
    assert (four.first, four.end, last.first, last.end) == (0, 4, 4, 5)
    assert last.key == e
    assert four.key == joined(joined(a, b), joined(c, d))
    assert root.key == joined(four.key, e)


@given(count=st.integers(1, 70))
def test_every_shard_is_a_leaf_once_and_neighbours_merge(count):
    root = tree_of(keys(count))
    assert (root.first, root.end) == (0, count)
    leaves = [node for node in nodes(root) if not node.children]
    assert [(leaf.first, leaf.end) for leaf in leaves] == [(n, n + 1) for n in range(count)]
    assert [leaf.key for leaf in leaves] == keys(count)
    for node in nodes(root):
        if node.children:
            left, right = node.children
            assert (left.first, left.end, right.end) == (node.first, right.first, node.end)
            assert log2(left.end - left.first).is_integer()
            assert left.end - left.first >= right.end - right.first


@given(count=st.integers(1, 40), more=st.integers(1, 30))
def test_shards_added_at_the_end_keep_the_old_left_nodes(count, more):
    old, new = (
        {node.key: (node.first, node.end) for node in nodes(tree_of(keys(number)))}
        for number in (count, count + more)
    )
    whole = [key for key, (first, end) in old.items() if log2(end - first).is_integer()]
    assert all(new[key] == old[key] for key in whole)


def test_the_order_of_shards_counts():
    a, b = keys(2)
    assert tree_of([a, b]).key != tree_of([b, a]).key
