"""The entry point's workarounds: nodes run in this process as by the backend, and TFX's own command fails there."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import tfx  # noqa: F401  (first: it installs a stand-in that other libraries need)

import tensorflow_data_validation as tfdv  # isort: skip
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.types import standard_artifacts

from pipeline.kubeflow.node.backend import local_path, store_metadata
from pipeline.kubeflow.node.run import prepare_answer, run_node, unwrap_metadata

STATS_OPTIONS = tfdv.StatsOptions(feature_allowlist=["height", "width"]).to_json()
SCHEMA_TEXT = 'feature { name: "classes" }'


class Backend:
    """Builds a node's arguments in the way KFP's driver builds them, and reads its answer.

    Attributes:
        folder: the launcher's root.
        output_file: the file with the node's answer.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.output_file = folder / "kfp_outputs/output_metadata.json"

    def options(
        self,
        executor: str,
        *,
        parameters: dict[str, str],
        outputs: dict[str, Any],
        inputs: dict[str, tuple[Any, str, dict[str, Any]]] | None = None,
        publish_logs: bool = True,
    ) -> argparse.Namespace:
        message = pipeline_spec_pb2.ExecutorInput()
        spec = pipeline_spec_pb2.ComponentInputsSpec()
        for name, value in parameters.items():
            message.inputs.parameter_values[name].string_value = value
            spec.parameters[name].parameter_type = pipeline_spec_pb2.ParameterType.STRING
        for name, (artifact_type, uri, metadata) in (inputs or {}).items():
            spec.artifacts[name].artifact_type.instance_schema = compiler_utils.get_artifact_schema(artifact_type)
            values = store_metadata(json_format.ParseDict(metadata, struct_pb2.Struct()))
            message.inputs.artifacts[name].artifacts.add(uri=uri, metadata=values).type.instance_schema = ""
        for name, artifact_type in outputs.items():
            artifact = message.outputs.artifacts[name].artifacts.add(uri=f"minio://bucket/run/{name}")
            artifact.type.instance_schema = compiler_utils.get_artifact_schema(artifact_type)
        if publish_logs:
            logs = message.outputs.artifacts["executor-logs"].artifacts.add(uri="minio://bucket/run/executor-logs")
            logs.type.schema_title = "system.Artifact"
        message.outputs.output_file = str(self.output_file)
        return argparse.Namespace(
            executor_class_path=executor,
            json_serialized_invocation_args=json_format.MessageToJson(message),
            json_serialized_inputs_spec_args=json_format.MessageToJson(spec),
        )

    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.output_file.read_text())
        return answer


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.setenv("ARTIFACT_LOCAL_PATH", str(tmp_path))
    (tmp_path / "minio/bucket/run").mkdir(parents=True)  # the launcher creates only the parent of the output folders
    return Backend(tmp_path)


def _curated_schema(backend: Backend, **settings: Any) -> argparse.Namespace:
    return backend.options(
        "components.curated_schema.executor.Executor",
        parameters={"schema_text": SCHEMA_TEXT, "code_fingerprint": ""},
        outputs={"schema": standard_artifacts.Schema},
        **settings,
    )


def test_a_node_writes_to_the_launchers_folder_and_answers_with_the_uri(backend: Backend) -> None:
    run_node(_curated_schema(backend), [])
    assert "classes" in (backend.folder / "minio/bucket/run/schema/schema.pbtxt").read_text()
    (artifact,) = backend.answer()["artifacts"]["schema"]["artifacts"]
    assert artifact["uri"] == "minio://bucket/run/schema"
    assert None not in artifact["metadata"].values()
    assert set(backend.answer()["artifacts"]) == {"schema"}


def test_a_node_reads_an_input_without_a_type(backend: Backend, examples: Any) -> None:
    """TFX's StatisticsGen reads records that the launcher has downloaded."""
    uri = "minio://bucket/before/examples"
    target = Path(local_path(uri))
    target.parent.mkdir(parents=True)
    target.symlink_to(examples.uri)
    metadata = {"split_names": examples.split_names, "payload_format": "FORMAT_TF_EXAMPLE", "note": ["a", {"b": 1}]}
    options = backend.options(
        "tfx.components.statistics_gen.executor.Executor",
        parameters={"exclude_splits": "[]", "stats_options_json": STATS_OPTIONS},
        inputs={"examples": (standard_artifacts.Examples, uri, metadata)},
        outputs={"statistics": standard_artifacts.ExampleStatistics},
    )
    run_node(options, ["--runner=DirectRunner", "--allow_unsafe_triggers", "--sdk_container_image=unused"])
    assert (backend.folder / "minio/bucket/run/statistics/Split-train/FeatureStats.pb").is_file()
    (artifact,) = backend.answer()["artifacts"]["statistics"]["artifacts"]
    assert json.loads(artifact["metadata"]["split_names"]) == ["train", "val"]


def test_the_driver_of_an_example_gen_runs(backend: Backend, tmp_path: Path) -> None:
    """Without its driver, CsvExampleGen has neither a span nor a pattern for its files."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "rows.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    from tfx import components

    component = components.CsvExampleGen(input_base=str(data))
    parameters = {key: value for key, value in component.exec_properties.items() if isinstance(value, str)}
    options = backend.options(
        "tfx.components.example_gen.csv_example_gen.executor.Executor",
        parameters=parameters,
        outputs={"examples": standard_artifacts.Examples},
    )
    run_node(options, ["--runner=DirectRunner", "--allow_unsafe_triggers", "--sdk_container_image=unused"])
    assert list((backend.folder / "minio/bucket/run/examples/Split-train").iterdir())


def test_tfxs_own_command_cannot_import_the_type_of_the_logs(backend: Backend) -> None:
    with pytest.raises(ImportError, match=r"Could not import system\.Artifact"):
        kubeflow_v2_run_executor.main((_curated_schema(backend), []))


def test_tfxs_own_command_has_no_file_system_for_minio(backend: Backend) -> None:
    with pytest.raises(Exception, match="minio"):
        kubeflow_v2_run_executor.main((_curated_schema(backend, publish_logs=False), []))


def test_tfxs_own_command_needs_the_types_of_the_inputs(backend: Backend) -> None:
    options = backend.options(
        "tfx.components.statistics_gen.executor.Executor",
        parameters={},
        inputs={"examples": (standard_artifacts.Examples, "minio://bucket/before/examples", {})},
        outputs={},
        publish_logs=False,
    )
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'get'"):
        kubeflow_v2_run_executor.main((options, []))


def test_metadata_are_unwrapped_and_nulls_are_removed() -> None:
    metadata = json_format.ParseDict({"list": [1, 2], "struct": {"a": "b"}, "text": "c"}, struct_pb2.Struct())
    executor_input = pipeline_spec_pb2.ExecutorInput()
    executor_input.inputs.artifacts["x"].artifacts.add(metadata=store_metadata(metadata))
    unwrap_metadata(executor_input)
    assert executor_input.inputs.artifacts["x"].artifacts[0].metadata == metadata

    output = pipeline_spec_pb2.ExecutorOutput()
    values = json_format.ParseDict({"a": None, "b": 1, "model": "/s3/bucket/model"}, struct_pb2.Struct())
    output.artifacts["x"].artifacts.add(uri="/gcs/bucket/x", metadata=values)
    prepare_answer(output)
    assert json_format.MessageToDict(output.artifacts["x"].artifacts[0]) == {
        "uri": "gs://bucket/x",
        "metadata": {"b": 1.0, "model": "s3://bucket/model"},
    }
