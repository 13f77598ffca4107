"""Graphs without what only costs time: norms go into convolutions, identities go."""

from collections import Counter
from typing import Any

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

IDLE_MODULES = (nn.Identity, nn.Dropout, nn.Dropout2d)


def folded(module: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    """The graph without norms that only scale and shift what a convolution gives.

    Identities and dropout in evaluation mode are left out as well. The module stays as it is.
    """
    calls = [node for node in graph.nodes if node.op == "call_module"]
    parts: dict[str, Any] = {node.target: module.get_submodule(node.target) for node in calls}
    parts |= {
        node.target: _attribute(module, node.target) for node in graph.find_nodes(op="get_attr")
    }
    for node in calls:
        if _is_idle(parts[node.target]):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    times = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for node in graph.find_nodes(op="call_module"):
        source, norm = node.args[0], parts[node.target]
        if not (isinstance(source, fx.Node) and source.op == "call_module"):
            continue
        before = str(source.target)
        convolution = parts[before]
        is_alone = len(source.users) == times[before] == times[node.target] == 1
        if is_alone and type(convolution) is nn.Conv2d and is_fixed_norm(norm):
            parts[before] = fuse_conv_bn_eval(convolution, norm)
            node.replace_all_uses_with(source)
            graph.erase_node(node)
    return fx.GraphModule(parts, graph)


def is_fixed_norm(module: nn.Module) -> bool:
    """Whether a batch norm goes by its stored statistics."""
    is_norm = type(module) is nn.BatchNorm2d
    return is_norm and not module.training and module.running_mean is not None


def _is_idle(module: nn.Module) -> bool:
    return type(module) is nn.Identity or (type(module) in IDLE_MODULES and not module.training)


def _attribute(module: nn.Module, path: str) -> Any:
    *parents, name = path.split(".")
    return getattr(module.get_submodule(".".join(parents)), name)
