"""What `vocseg kubeflow compile` writes is what `vocseg kubeflow submit` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.pipeline.kubeflow.server.cluster_commands import IMAGE, vocseg_kubeflow
from tests.pipeline.kubeflow.server.kfp_server import running


def test_the_compiled_demo_is_submitted_and_watched(tmp_path: Path, capsys: Any) -> None:
    spec = tmp_path / "demo.yaml"
    compiling = ("--image", IMAGE, "--pipeline-root", "gs://bucket/root", "--devkit", "gs://bucket/VOC2012")
    volumes = ("--set", "kubeflow.volumes={/data: voc-seg-data}")  # a second document
    assert vocseg_kubeflow("compile", *compiling, *volumes, "--output", spec) == 0
    with running() as server:
        server.states = ("SUCCEEDED",)
        assert vocseg_kubeflow("submit", spec, "--host", server.url, "--set", "epochs=3", "--wait") == 0
        (run,) = server.runs.values()
    assert run["runtime_config"]["parameters"] == {"epochs": 3}
    assert set(run["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    printed = capsys.readouterr().out
    assert printed.index("VocExampleGen: succeeded") < printed.index("SegmentationTrainer-fcn8: succeeded")
    assert printed.index("SegmentationTrainer-unet: succeeded") < printed.index("Pusher: succeeded")
