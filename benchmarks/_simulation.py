"""How long a pass takes on many workers, from measured costs of its parts."""

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from seewhy.passes.tree import Node, tree_of


@dataclass(frozen=True)
class Costs:
    """Seconds of work and bytes to and from the shared folder, of a shard and of a merge.

    A shard writes its part; a merge reads two parts and writes one. `bandwidth` is that of the
    folder, in bytes a second, `link` that of one worker's connection to it.
    """

    shard: float
    merge: float
    part: float
    bandwidth: float
    link: float


@dataclass(frozen=True)
class Outcome:
    """Wall seconds of a run, the share of the workers' time spent on shards, and what binds.

    `bound` is "work", or "folder" where all transfers together take longer than the work.
    """

    seconds: float
    efficiency: float
    bound: str


def simulated(shards: int, workers: int, costs: Costs) -> Outcome:
    """List scheduling of the tree's tasks; ready merges go before shards, as they free parts.

    Each worker has its link to itself; the folder bounds the sum of all transfers from below.
    """
    parents, waiting = _dependencies(tree_of([f"{number}" for number in range(shards)]))
    leaves = deque(key for key in parents if key not in waiting)
    merges: deque[str] = deque()
    running: list[tuple[float, str]] = []
    now = moved = 0.0
    while leaves or merges or running:
        while (leaves or merges) and len(running) < workers:
            key = merges.popleft() if merges else leaves.popleft()
            is_merge = key in waiting
            transfer = costs.part * (3 if is_merge else 1)
            moved += transfer
            work = costs.merge if is_merge else costs.shard
            heapq.heappush(running, (now + work + transfer / costs.link, key))
        now, done = heapq.heappop(running)
        parent = parents[done]
        if parent is not None:
            waiting[parent] -= 1
            if not waiting[parent]:
                merges.append(parent)
    seconds = max(now, moved / costs.bandwidth)
    bound = "folder" if seconds > now else "work"
    return Outcome(seconds, shards * costs.shard / (seconds * workers), bound)


def _dependencies(root: Node) -> tuple[Mapping[str, str | None], dict[str, int]]:
    """The parent of each node, and how many children each inner node waits for."""
    parents: dict[str, str | None] = {root.key: None}
    waiting: dict[str, int] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        for child in node.children:
            parents[child.key] = node.key
            stack.append(child)
        if node.children:
            waiting[node.key] = len(node.children)
    return parents, waiting
