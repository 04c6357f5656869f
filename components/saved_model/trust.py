"""Refuses SavedModels that could do more than compute.

A SavedModel is a program: TensorFlow runs the operations of its graph with the rights of the user. Some of them read
and write files (`ReadFile`, `WriteFile`, `SaveV2`), call Python (`PyFunc`) or use the network (`RpcCall`, `Send`).

The check uses a list of what is allowed. A list of what is forbidden would be shorter, but each version of TensorFlow
adds operations, and nobody would notice that a dangerous one is missing. If a name is missing in a list of what is
allowed, a model is refused with a message that names the operation, and a user who trusts the model can allow it. The
list has all operations that compute, not only those of this project's networks, so that few networks are refused.

The check reads `saved_model.pb` and runs nothing. It does not protect from faults in TensorFlow itself: damaged weights
and unusual attributes reach its C++ code.
"""

from __future__ import annotations

import collections
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from components.saved_model.known_operations import KNOWN_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    Place: TypeAlias = tuple[str, str]
    """The name of a function, empty for the main graph, and of a node in it."""

_SAVER_OPERATIONS = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"})
_VOCABULARY_OPERATIONS = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
_MAIN_GRAPH = ""


class UntrustedModelError(ValueError):
    """A model could do more than compute; the message names the operations."""


def refuse_untrusted(model: SavedModel) -> None:
    """Checks that the graph and the functions of a SavedModel only compute.

    Raises:
        UntrustedModelError: they hold other operations.
    """
    if found := untrusted_operations(model):
        raise UntrustedModelError(
            f"it holds operations that could reach files, processes or the network: {', '.join(found)}; use it with "
            "--trust-model (in Python: trust=True) if you trust its author like the author of a program"
        )


def untrusted_operations(model: SavedModel) -> list[str]:
    """Lists the operations of a SavedModel that are not known to compute only, sorted.

    Three exceptions are part of ordinary SavedModels and are not listed:

    - the functions that save and restore variables, which every SavedModel has, if nothing but the saver's own nodes
      refers to them: TensorFlow Serving calls them with the model's own folder, `tf.saved_model.load` not at all;
    - the initialisers of tables that read an asset of the model;
    - messages to the standard streams.
    """
    found = set()
    for graph in model.meta_graphs:
        functions = {function.signature.name for function in graph.graph_def.library.function}
        savers, vocabularies = _saver_functions(graph), _vocabularies_from_assets(graph)
        for function, node in _nodes(graph):
            calls_function = node.op in functions and not hasattr(tf.raw_ops, node.op)
            is_of_saver = function in savers and node.op in _SAVER_OPERATIONS
            is_vocabulary = node.op in _VOCABULARY_OPERATIONS and (function, node.name) in vocabularies
            known = node.op in KNOWN_OPERATIONS and not _prints_to_file(node)
            if not (known or calls_function or is_of_saver or is_vocabulary):
                found.add(node.op)
        assets = [asset.filename for asset in graph.asset_file_def]
        found |= {f"an asset outside the model ({name!r})" for name in assets if PurePosixPath(name).name != name}
    return sorted(found)


def _nodes(graph: MetaGraphDef) -> Iterator[tuple[str, NodeDef]]:
    """Lists all nodes with the name of their function."""
    for node in graph.graph_def.node:
        yield _MAIN_GRAPH, node
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            yield function.signature.name, node


def _saver_functions(graph: MetaGraphDef) -> set[str]:
    """Returns the functions that the saver's nodes in the main graph call, and nothing else."""
    saver = graph.saver_def
    names = {name.partition(":")[0] for name in (saver.save_tensor_name, saver.restore_op_name)}
    called = collections.Counter(
        node.attr["f"].func.name for node in graph.graph_def.node if node.name in names and "f" in node.attr
    )
    references = _references(graph)
    # Grappler may exchange functions with equal `api_implements`.
    exchangeable = {
        function.signature.name for function in graph.graph_def.library.function if "api_implements" in function.attr
    }
    # The functions that `tf.saved_model.load` gives to Python are those of the object graph.
    return {
        name
        for name in called.keys() - exchangeable
        if references[name] == called[name] and name not in graph.object_graph_def.concrete_functions
    }


def _references(graph: MetaGraphDef) -> collections.Counter[str]:
    """Counts the references to functions, in the attributes of nodes and in their operations."""
    counted: collections.Counter[str] = collections.Counter()
    for _, node in _nodes(graph):
        counted[node.op] += 1
        counted.update(_function_names(node))
    return counted


def _function_names(node: NodeDef) -> Iterator[str]:
    """Yields the names of the functions in the attributes of a node."""
    for value in node.attr.values():
        yield from (function.name for function in (value.func, *value.list.func) if function.name)


def _vocabularies_from_assets(graph: MetaGraphDef) -> set[Place]:
    """Returns the nodes that fill a table from a file which is one of the model's assets for certain.

    The file's name must be an argument of the node's function, and the object graph must bind this argument to an
    asset. No other function may call this one, because it could pass another name.
    """
    objects = graph.object_graph_def
    called_in_functions = {
        name for place, node in _nodes(graph) if place != _MAIN_GRAPH for name in _function_names(node)
    }
    found = set()
    for function in graph.graph_def.library.function:
        name = function.signature.name
        if name in called_in_functions or name not in objects.concrete_functions:
            continue
        bound = objects.concrete_functions[name].bound_inputs
        arguments = [argument.name for argument in function.signature.input_arg]
        captured = arguments[len(arguments) - len(bound) :]
        assets = {
            argument
            for argument, index in zip(captured, bound, strict=False)
            if index < len(objects.nodes) and objects.nodes[index].WhichOneof("kind") == "asset"
        }
        found |= {
            (name, node.name)
            for node in function.node_def
            if node.op in _VOCABULARY_OPERATIONS and len(node.input) > 1 and node.input[1] in assets
        }
    return found


def _prints_to_file(node: NodeDef) -> bool:
    stream: bytes = node.attr["output_stream"].s
    return node.op == "PrintV2" and stream.startswith(b"file:")
