"""A SavedModel whose operations could do more than compute is found without being loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from components.saved_model.known_operations import KNOWN_OPERATIONS
from components.saved_model.trust import UntrustedModelError, refuse_untrusted, untrusted_operations

if TYPE_CHECKING:
    from pathlib import Path

SAVER = ["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"]


def read(folder: Path) -> SavedModel:
    return SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def saved(module: tf.Module, folder: Path) -> SavedModel:
    tf.saved_model.save(module, str(folder))
    return read(folder)


def with_node(operation: str, **attributes: bytes) -> SavedModel:
    """Makes a graph of one node."""
    model = SavedModel()
    node = model.meta_graphs.add().graph_def.node.add(name="node", op=operation)
    for name, value in attributes.items():
        node.attr[name].s = value
    return model


class Vocabulary(tf.Module):
    def __init__(self, file: Path):
        initializer = tf.lookup.TextFileInitializer(str(file), tf.string, 0, tf.int64, 1, delimiter=" ")
        self.table = tf.lookup.StaticHashTable(initializer, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def look_up(self, words: tf.Tensor) -> tf.Tensor:
        return self.table.lookup(words)


class Secretive(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def copy(self, content: tf.Tensor) -> tf.Tensor:
        tf.io.write_file("stolen", content)
        return tf.io.read_file("/etc/hostname")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "words.txt").write_text("dog 1\ncat 2\n")
    model: bytes = saved(Vocabulary(folder / "words.txt"), folder / "model").SerializeToString()
    return model


def test_a_model_of_this_project_only_computes(folder: Path) -> None:
    assert untrusted_operations(read(folder)) == []
    refuse_untrusted(read(folder))


def test_operations_on_files_in_a_function_are_named(tmp_path: Path) -> None:
    model = saved(Secretive(), tmp_path / "model")
    assert untrusted_operations(model) == ["ReadFile", "WriteFile"]
    with pytest.raises(
        UntrustedModelError, match=r"processes or the network: ReadFile, WriteFile; use it with --trust"
    ):
        refuse_untrusted(model)


@pytest.mark.parametrize(
    "operation",
    [
        "ReadFile", "WriteFile", "MatchingFiles", "WholeFileReaderV2", "TFRecordDataset", "TextLineDataset",
        "SqlDataset", "CacheDatasetV2", "SaveV2", "RestoreV2", "Save", "RestoreSlice", "LoadAndRemapMatrix",
        "GenerateVocabRemapping", "ImmutableConst", "RecordInput", "InitializeTableFromTextFileV2", "DecodeProtoV2",
        "PyFunc", "PyFuncStateless", "EagerPyFunc", "Abort", "RemoteCall", "Send", "Recv", "CollectiveReduceV2",
        "DataServiceDatasetV4", "RpcCall", "CreateSummaryFileWriter", "CreateSummaryDbWriter", "DebugIdentityV3",
        "DebugNumericSummary", "CopyHost", "FileSystemSetConfiguration", "XlaCallModule", "XlaHostCompute",
        "TRTEngineOp", "ConfigureDistributedTPU", "AnOperationOfTomorrow",
    ],
)  # fmt: skip
def test_an_operation_that_may_do_more_is_not_known(operation: str) -> None:
    assert untrusted_operations(with_node(operation)) == [operation]


def test_the_known_operations_are_those_of_tensorflow() -> None:
    assert {name for name in KNOWN_OPERATIONS if not hasattr(tf.raw_ops, name)} == set()


def test_messages_may_go_to_the_standard_streams_only() -> None:
    assert untrusted_operations(with_node("PrintV2", output_stream=b"stderr")) == []
    assert untrusted_operations(with_node("PrintV2", output_stream=b"file:///tmp/written")) == ["PrintV2"]


def test_a_table_may_read_an_asset_but_no_other_file(vocabulary: bytes) -> None:
    assert untrusted_operations(SavedModel.FromString(vocabulary)) == []

    def initializer(model: SavedModel) -> Any:
        functions = model.meta_graphs[0].graph_def.library.function
        return next(each for each in functions if any("InitializeTable" in node.op for node in each.node_def))

    expected = ["InitializeTableFromTextFileV2"]
    constant = SavedModel.FromString(vocabulary)
    function = initializer(constant)
    function.node_def.add(name="file", op="Const")
    next(node for node in function.node_def if "InitializeTable" in node.op).input[1] = "file:output:0"
    assert untrusted_operations(constant) == expected
    called = SavedModel.FromString(vocabulary)
    other = called.meta_graphs[0].graph_def.library.function.add()
    other.signature.name = "other"
    other.node_def.add(op="PartitionedCall").attr["f"].func.name = initializer(called).signature.name
    assert untrusted_operations(called) == expected
    unbound = SavedModel.FromString(vocabulary)
    del unbound.meta_graphs[0].object_graph_def.concrete_functions[initializer(unbound).signature.name]
    assert untrusted_operations(unbound) == expected


def test_an_asset_outside_the_model_is_found(vocabulary: bytes) -> None:
    model = SavedModel.FromString(vocabulary)
    model.meta_graphs[0].asset_file_def[0].filename = "../../secret"
    assert untrusted_operations(model) == ["an asset outside the model ('../../secret')"]


@pytest.mark.parametrize("way", ["function", "list", "operation", "python", "exchange"])
def test_the_functions_of_the_saver_are_for_nothing_else(folder: Path, way: str) -> None:
    model = read(folder)
    graph = model.meta_graphs[0]
    functions = graph.graph_def.library.function
    savers = [each for each in functions if {node.op for node in each.node_def} & set(SAVER)]
    assert len(savers) == 2
    caller = functions[0]
    for saver in savers:
        name = saver.signature.name
        match way:
            case "function":
                caller.node_def.add(op="PartitionedCall").attr["f"].func.name = name
            case "list":
                caller.node_def.add(op="Case").attr["branches"].list.func.add(name=name)
            case "operation":
                graph.graph_def.node.add(op=name)
            case "python":
                graph.object_graph_def.concrete_functions[name].bound_inputs.append(0)
            case "exchange":
                saver.attr["api_implements"].s = b"other"
    assert untrusted_operations(model) == SAVER


def test_the_functions_of_the_saver_may_not_use_other_files(folder: Path) -> None:
    model = read(folder)
    for function in model.meta_graphs[0].graph_def.library.function:
        function.node_def.add(name="read", op="ReadFile")
    assert untrusted_operations(model) == ["ReadFile"]


def test_a_function_cannot_hide_an_operation_behind_its_name() -> None:
    model = with_node("ReadFile")
    model.meta_graphs[0].graph_def.library.function.add().signature.name = "ReadFile"
    assert untrusted_operations(model) == ["ReadFile"]
