"""Which engine runs a model, what is said if it cannot, and that LiteRT needs no TensorFlow."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from components.manifest import write_manifest
from components.saved_model.serving_folder import ModelNotFoundError
from pipeline.cli import main
from pipeline.engines import measurement
from pipeline.engines.engine import EngineError, ModelError
from pipeline.engines.measurement import TIMINGS_FILE
from pipeline.prediction.segmenter import load_segmenter
from tests.pipeline.prediction.odd_images import encoded, pixels
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engines.engine import Engine

TARGET = "serving/7/assets.extra/targets/litert"


def test_predict_videos_and_the_demo_with_litert_import_no_tensorflow(run_with_target: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(pixels(), "JPEG"))
    (tmp_path / "other.png").write_bytes(encoded(pixels(), "PNG"))
    arguments = ["predict", str(run_with_target), str(tmp_path / "photo.jpg"), str(tmp_path / "other.png")]
    options = ["--output", str(tmp_path / "out"), "--probabilities", "--shares", "--tta", "--engine", "litert"]
    program = (
        "import sys\n"
        "import pipeline.prediction.video.predict_video\n"
        "from pipeline.cli import main\n"
        "from pipeline.demo.limits import MEBIBYTE, Limits\n"
        "from pipeline.demo.server import make_server\n"
        "from pipeline.prediction.segmenter import load_segmenter\n"
        f"status = main({[*arguments, *options]!r})\n"
        f"models = {{'model': load_segmenter({str(run_with_target)!r}, engine='litert')}}\n"
        "make_server(models, Limits(20 * MEBIBYTE, 1536 * MEBIBYTE), frozenset(), lambda: None)\n"
        "heavy = {'tensorflow', 'keras', 'tensorflow_datasets', 'apache_beam', 'tfx'}\n"
        "print(status, sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "0 []"
    with Image.open(tmp_path / "out/class_maps/other.png") as mask:
        expected = load_segmenter(run_with_target)(tmp_path / "other.png", tta=True).class_map
        assert np.mean(np.asarray(mask) == expected) >= 0.999


def test_the_folder_of_a_target_is_a_model(run_with_target: Path, tmp_path: Path) -> None:
    shutil.copytree(run_with_target / TARGET, tmp_path / "exported")
    for engine in ("auto", "litert"):
        assert load_segmenter(tmp_path / "exported", engine=engine).engine == "litert"
    with pytest.raises(ModelError, match="exported is an export target, which TensorFlow cannot run: name the publ"):
        load_segmenter(tmp_path / "exported", engine="tensorflow")
    with pytest.raises(ModelError, match="has no file for the engine onnx: name a folder that `vocseg export` wrote"):
        load_segmenter(tmp_path / "exported", engine="onnx")


def test_an_engine_that_is_missing_is_refused_with_the_cure(
    run_folder: Path, run_with_target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = (
        rf"has no file for the engine litert: write one with `vocseg export {run_folder} --target litert --output DIR`"
    )
    with pytest.raises(ModelError, match=cure):
        load_segmenter(run_folder, engine="litert")
    with pytest.raises(ModelError, match="the engine 'tflite' is unknown: use tensorflow, litert, onnx or auto"):
        load_segmenter(run_with_target, engine="tflite")
    with pytest.raises(ModelNotFoundError, match="holds no model"):
        load_segmenter(tmp_path, engine="litert")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ai_edge_litert" else name)
    with pytest.raises(ModelError, match=r"the engine litert needs ai-edge-litert: pip install 'voc-seg\[litert\]'"):
        load_segmenter(run_with_target, engine="litert")
    assert load_segmenter(run_with_target, engine="auto").engine == "tensorflow"


def test_a_damaged_target_is_refused(run_with_target: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(run_with_target / TARGET, tmp_path / "litert")
    content = bytearray((tmp_path / "litert/model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "litert/model.tflite").write_bytes(content)
    (tmp_path / "photo.png").write_bytes(encoded(pixels(), "PNG"))
    assert main(["predict", str(tmp_path / "litert"), str(tmp_path / "photo.png"), "--output", str(tmp_path)]) == 2
    assert "the content of" in (printed := capfd.readouterr().err)
    assert "export the model again" in printed


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the measurement: LiteRT takes 2 ms, TensorFlow 3; lists the measured engines."""
    names: list[str] = []

    def measure(engine: Engine, *_: Any) -> float:
        names.append(engine.name)
        return {"litert": 2.0, "tensorflow": 3.0}[engine.name]

    monkeypatch.setattr(measurement, "milliseconds_per_image", measure)
    return names


def test_the_fastest_engine_is_measured_once(
    run_with_target: Path, tmp_path: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_with_target, tmp_path / "run")
    for _ in range(2):
        assert load_segmenter(tmp_path / "run", engine="auto").engine == "litert"
    assert measured == ["tensorflow", "litert"]
    (kept,) = json.loads((tmp_path / "run/serving" / TIMINGS_FILE).read_text())
    assert kept["milliseconds_per_image"] == {"tensorflow": 3.0, "litert": 2.0}
    monkeypatch.setattr(measurement, "available_cores", lambda: 99)  # another machine
    load_segmenter(tmp_path / "run", engine="auto")
    assert len(measured) == 4
    (tmp_path / "run/serving" / TIMINGS_FILE).write_text("damaged")
    load_segmenter(tmp_path / "run", engine="auto")
    assert len(measured) == 6


def test_the_measurement_is_kept_in_the_cache_folder_if_the_models_cannot_be_written(
    run_with_target: Path, tmp_path: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = write_text_whole

    def refuse(path: Path, text: str) -> None:
        if path.name == TIMINGS_FILE:
            raise PermissionError(13, "Permission denied")
        write(path, text)

    monkeypatch.setattr(measurement, "write_text_whole", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for _ in range(2):
        assert load_segmenter(run_with_target, engine="auto").engine == "litert"
    assert len(measured) == 2
    assert (tmp_path / "cache/voc-seg/vocseg_engines.json").is_file()


def test_an_engine_that_cannot_be_measured_is_not_chosen(
    run_with_target: Path, tmp_path: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_with_target, tmp_path / "run")

    def fail(engine: Engine, *_: Any) -> float:
        if engine.name == "litert":
            raise EngineError("out of order")
        return 3.0

    with monkeypatch.context() as patch:
        patch.setattr(measurement, "milliseconds_per_image", fail)
        assert load_segmenter(tmp_path / "run", engine="auto").engine == "tensorflow"
    (tmp_path / "run" / TARGET / "model.tflite").write_bytes(b"half")
    assert load_segmenter(tmp_path / "run", engine="auto").engine == "tensorflow"
    assert measured == ["tensorflow"]
    assert not (tmp_path / "run/serving" / TIMINGS_FILE).exists()


def test_no_measurement_is_written_into_an_artifact(
    run_with_target: Path, tmp_path: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(run_with_target, tmp_path / "run")
    write_manifest(tmp_path / "run/serving")
    assert load_segmenter(tmp_path / "run", engine="auto").engine == "litert"
    assert measured
    assert not (tmp_path / "run/serving" / TIMINGS_FILE).exists()
    assert (tmp_path / "cache/voc-seg/vocseg_engines.json").is_file()


def test_a_model_without_targets_is_run_by_tensorflow(run_folder: Path, measured: list[str]) -> None:
    assert load_segmenter(run_folder, engine="auto").engine == "tensorflow"
    assert not measured
    assert not (run_folder / "serving" / TIMINGS_FILE).exists()
