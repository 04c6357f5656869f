"""The message of the emulated driver to a container, and the metadata that the emulated store returns."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.node.backend import (
    BackendError,
    StoredArtifact,
    build_executor_input,
    local_path,
    remote_uri,
    run_arguments,
    store_metadata,
)

TASK = {
    "taskInfo": {"name": "Train-a"},
    "componentRef": {"name": "comp-Train-a"},
    "inputs": {
        "artifacts": {"examples": {"taskOutputArtifact": {"producerTask": "Gen", "outputArtifactKey": "examples"}}},
        "parameters": {
            "epochs": {"componentInputParameter": "epochs"},
            "rate": {"runtimeValue": {"constant": 0.5}},
        },
    },
}
COMPONENT = {"outputDefinitions": {"artifacts": {"model": {"artifactType": {"instanceSchema": "title: tfx.Model\n"}}}}}


def _build(**changes: Any) -> pipeline_spec_pb2.ExecutorInput:
    metadata = struct_pb2.Struct()
    metadata["split_names"] = '["train"]'
    arguments: dict[str, Any] = {
        "run_root": "minio://bucket/run",
        "salt": "salt",
        "output_file": "/tmp/out.json",
        "arguments": {"epochs": 3},
        "stored": {("Gen", "examples"): StoredArtifact(7, "minio://bucket/run/Gen/x/examples", metadata)},
        **changes,
    }
    return build_executor_input(
        json_format.ParseDict(TASK, pipeline_spec_pb2.PipelineTaskSpec()),
        json_format.ParseDict(COMPONENT, pipeline_spec_pb2.ComponentSpec()),
        **arguments,
    )


def test_the_message_is_that_of_the_backend_with_its_deviations() -> None:
    assert json_format.MessageToDict(_build()) == {
        "inputs": {
            "parameterValues": {"epochs": 3.0, "rate": 0.5},
            "artifacts": {
                "examples": {
                    "artifacts": [
                        {
                            "name": "7",
                            "type": {"instanceSchema": ""},
                            "uri": "minio://bucket/run/Gen/x/examples",
                            "metadata": {"split_names": '["train"]'},
                        }
                    ]
                }
            },
        },
        "outputs": {
            "artifacts": {
                "model": {
                    "artifacts": [
                        {
                            "type": {"instanceSchema": "title: tfx.Model\n"},
                            "uri": "minio://bucket/run/Train-a/salt/model",
                            "metadata": {},
                        }
                    ]
                },
                "executor-logs": {
                    "artifacts": [
                        {
                            "type": {"schemaTitle": "system.Artifact"},
                            "uri": "minio://bucket/run/Train-a/salt/executor-logs",
                        }
                    ]
                },
            },
            "outputFile": "/tmp/out.json",
        },
    }


def test_without_published_logs_there_is_no_output_for_them() -> None:
    assert set(_build(publish_logs=False).outputs.artifacts) == {"model"}


def test_an_input_that_no_task_has_written_is_refused() -> None:
    with pytest.raises(BackendError, match="cannot find output artifact key 'examples' in producer task 'Gen'"):
        _build(stored={})


def _spec() -> pipeline_spec_pb2.PipelineSpec:
    parameters = {
        "devkit": {"parameterType": "STRING"},
        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 0.0},
    }
    return json_format.ParseDict(
        {"root": {"inputDefinitions": {"parameters": parameters}}}, pipeline_spec_pb2.PipelineSpec()
    )


def test_given_parameters_override_the_defaults() -> None:
    assert run_arguments(_spec(), {"devkit": "gs://b/VOC2012"}) == {"devkit": "gs://b/VOC2012", "epochs": 0.0}
    assert run_arguments(_spec(), {"devkit": "x", "epochs": "4"})["epochs"] == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parameter 'devkit' has no default; give it with --set devkit="),
        ({"devkit": "x", "epoch": "3"}, "parameter 'epoch' is unknown; the parameters are devkit, epochs"),
        ({"devkit": "x", "epochs": "many"}, "parameter 'epochs' must be a whole number, not 'many'"),
    ],
)
def test_an_invalid_parameter_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        run_arguments(_spec(), given)


def test_the_store_wraps_lists_and_structs_and_converts_booleans_to_numbers() -> None:
    metadata = json_format.ParseDict({"a": [1], "b": {"c": "d"}, "e": True, "f": "g"}, struct_pb2.Struct())
    assert json_format.MessageToDict(store_metadata(metadata)) == {
        "a": {"list": [1.0]},
        "b": {"struct": {"c": "d"}},
        "e": 1.0,
        "f": "g",
    }


def test_the_store_refuses_nulls() -> None:
    with pytest.raises(BackendError, match="metadata 'a': unknown/unsupported value type"):
        store_metadata(json_format.ParseDict({"a": None}, struct_pb2.Struct()))


@given(
    st.sampled_from(["gs://", "s3://", "minio://"]),
    st.text("abc/._-", min_size=1).filter(lambda key: not key.startswith("/")),
)
def test_a_local_path_is_converted_back_to_its_uri(scheme: str, key: str) -> None:
    assert local_path(scheme + key).startswith("/")
    assert remote_uri(local_path(scheme + key)) == scheme + key


def test_other_places_are_not_converted() -> None:
    for place in ("/data/voc", "hdfs://name/voc", "ram://x"):
        assert local_path(place) == place
        assert remote_uri(place) == place


def test_the_launchers_root_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIFACT_LOCAL_PATH", "/scratch/")
    assert local_path("minio://b/k") == "/scratch/minio/b/k"
    assert remote_uri("/scratch/minio/b/k") == "minio://b/k"
    assert remote_uri("/minio/b/k") == "/minio/b/k"
