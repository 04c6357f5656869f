"""`vocseg export`: the folder that it writes, and what it refuses."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from components.targets.target_folder import read_target
from pipeline.cli import main
from tests.components.saved_model.small_model import DESCRIPTION, export_small_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run that published a model, as far as `vocseg export` looks at it."""
    folder = tmp_path_factory.mktemp("run")
    export_small_model(folder / "serving/7")
    return folder


def test_a_published_model_is_exported(
    run: Path, devkit: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new folder/target"
    arguments = ["export", str(run), "--target", "litert_int8", "--devkit", str(devkit), "--output", str(output)]
    assert main(arguments) == 0
    found = read_target(output)
    assert (found.model, found.target.format, found.target.batch) == (DESCRIPTION, "litert_int8", 1)
    assert json.loads((output / "segmentation.json").read_text())["class_names"] == list(DESCRIPTION.class_names)
    assert [path.name for path in output.parent.iterdir()] == ["target"]
    shown = capfd.readouterr().out
    assert "model.tflite: 0.0" in shown
    assert "segmentation.json beside it says how to use it" in " ".join(shown.split())

    before = (output / "model.tflite").read_bytes()
    assert main(arguments) == 2
    assert "is not an empty folder: name one that does not exist" in capfd.readouterr().err
    assert (output / "model.tflite").read_bytes() == before


def test_an_empty_folder_may_be_the_output(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    output = str(tmp_path / "empty")
    assert main(["export", str(run), "--target", "onnx", "--output", output, "--batch", "2"]) == 0
    assert read_target(output).target.input.shape == (2, 32, 32, 3)


def test_what_cannot_be_exported_leaves_nothing(
    run: Path, devkit: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "target"

    def refusal(*arguments: str) -> tuple[int, str]:
        status = main(["export", *arguments, "--output", str(output)])
        assert not output.exists()
        captured = capfd.readouterr()
        return status, " ".join((captured.out + captured.err).split())

    assert refusal(str(tmp_path), "--target", "litert")[0] == 2
    status, message = refusal(str(run), "--target", "litert_int8")
    assert (status, "needs --devkit" in message) == (2, True)
    status, message = refusal(str(run), "--target", "litert", "--devkit", str(devkit))
    assert (status, "only for litert_int8" in message) == (2, True)
    status, message = refusal(str(run), "--target", "litert_int8", "--devkit", str(tmp_path))
    assert (status, str(tmp_path) in message) == (1, True)

    damaged = tmp_path / "damaged"
    shutil.copytree(run / "serving/7", damaged)
    data = next(damaged.glob("variables/*.data*"))
    data.write_bytes(data.read_bytes()[:100])
    status, message = refusal(str(damaged), "--target", "litert")
    assert (status, f"{damaged} cannot be converted to litert: " in message) == (1, True)
    (damaged / "assets/segmentation.json").write_text("{")
    status, message = refusal(str(damaged), "--target", "litert")
    assert (status, f"{damaged} cannot be exported: " in message) == (1, True)
