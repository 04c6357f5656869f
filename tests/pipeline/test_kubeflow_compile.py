"""The very same pipeline compiles for Kubeflow Pipelines: no union channels, no resolvers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.config import load_config, preset_names
from tests.conftest import NODES_BESIDE_TRAINERS


@pytest.mark.parametrize("preset", preset_names())
def test_the_pipeline_compiles_for_kubeflow(preset: str, tmp_path: Path) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

    from pipeline.pipeline import create_pipeline

    config = load_config(preset, devkit="/not/on/this/machine/VOC2012", output=str(tmp_path / "output"))
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image="registry.example/voc-seg:0.1.0", use_pipeline_spec_2_1=True
        ),
        output_dir=str(tmp_path),
        output_filename="pipeline.yaml",
    )
    runner.run(create_pipeline(config))
    spec_values = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text()))
    spec = json_format.ParseDict(spec_values, pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True)
    tasks = set(spec.root.dag.tasks)
    assert tasks == {*NODES_BESIDE_TRAINERS, *(f"SegmentationTrainer.{name}" for name in config.candidates)}
    candidates = spec.root.dag.tasks["SegmentationEvaluator"].inputs.artifacts
    for name in config.candidates:
        source = candidates[f"model_{name}"].task_output_artifact
        assert (source.producer_task, source.output_artifact_key) == (f"SegmentationTrainer.{name}", "model")
    schema = spec.root.dag.tasks["ExampleValidator"].inputs.artifacts["schema"].task_output_artifact
    assert schema.producer_task == "CuratedSchema"
    for name in config.candidates:
        assert "DataValidator" in spec.root.dag.tasks[f"SegmentationTrainer.{name}"].dependent_tasks
