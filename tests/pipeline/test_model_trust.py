"""No command runs a SavedModel that could reach files, unless the user trusts it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipeline import cli
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.engines.engine import ModelError
from pipeline.prediction.segmenter import load_segmenter
from tests.pipeline.demo.models import CLASS_NAMES, IMAGE_SIZE, export_colour_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Writer(tf.Module):
    """Writes a file at each request."""

    def __init__(self, file: Path):
        self._file = str(file)

    @tf.function(input_signature=[tf.TensorSpec([None, IMAGE_SIZE, IMAGE_SIZE, 3], tf.uint8)])
    def score(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.io.write_file(self._file, "written")
        return {"scores": tf.zeros([tf.shape(images)[0], IMAGE_SIZE, IMAGE_SIZE, len(CLASS_NAMES)])}


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model with a valid description that writes a file, and the file."""
    folder = tmp_path_factory.mktemp("foreign")
    export_colour_model(folder / "good")
    module = Writer(folder / "written")
    tf.saved_model.save(module, str(folder / "model"), signatures={"score_images": module.score})
    shutil.copytree(folder / "good/assets", folder / "model/assets", dirs_exist_ok=True)
    return folder / "model", folder / "written"


def test_python_code_must_trust_the_model(foreign: tuple[Path, Path]) -> None:
    model, written = foreign
    with pytest.raises(
        ModelError, match=r"cannot be used: it holds operations .*: WriteFile; use it with --trust-model"
    ):
        load_segmenter(model)
    assert not written.exists()
    load_segmenter(model, trust=True)(np.zeros((8, 8, 3), np.uint8))
    assert written.read_text() == "written", "the attack of this test does nothing"
    written.unlink()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (lambda model, folder: ["predict", model, f"{folder}/a.png", "--output", f"{folder}/out"], EXIT_USAGE),
        (lambda model, _: ["demo", model, "--port", "0"], EXIT_USAGE),
        (lambda model, folder: ["evaluate", model, "--devkit", f"{folder}/VOC2012"], EXIT_FAILED),
        (lambda model, folder: ["export", model, "--target", "onnx", "--output", f"{folder}/out"], EXIT_FAILED),
        (lambda model, _: ["benchmark", model], EXIT_FAILED),
        (lambda model, folder: ["data", "check", f"{folder}/VOC2012", "--model", model], EXIT_FAILED),
    ],
)
def test_commands_refuse_the_model(
    arguments: Callable[[str, Path], list[str]],
    status: int,
    foreign: tuple[Path, Path],
    own_devkit: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model, written = foreign
    assert own_devkit == tmp_path / "VOC2012"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert cli.main(arguments(str(model), tmp_path)) == status
    printed = capfd.readouterr()
    assert "WriteFile; use it with --trust-model" in " ".join((printed.out + printed.err).split())
    assert not written.exists()


def test_a_trusted_model_runs(foreign: tuple[Path, Path], tmp_path: Path) -> None:
    model, written = foreign
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    command = ["predict", str(model), str(tmp_path / "a.png"), "--output", str(tmp_path / "out"), "--trust-model"]
    assert cli.main(command) == 0
    assert written.exists()
    written.unlink()
