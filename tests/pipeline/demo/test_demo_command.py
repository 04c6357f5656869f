from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline import cli
from pipeline.commands.terminal import EXIT_USAGE

if TYPE_CHECKING:
    from pathlib import Path


def test_unusable_models_are_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", str(tmp_path)]) == EXIT_USAGE
    assert "holds no model: name a SavedModel" in capsys.readouterr().err
    assert cli.main(["demo", "a", "b", "c"]) == EXIT_USAGE
    assert "at most two models can be compared" in capsys.readouterr().err


def test_a_model_whose_path_is_a_pattern_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model [x]"
    model.mkdir()
    (model / "saved_model.pb").touch()
    for arguments in (["demo", str(model)], ["predict", str(model), "x.jpg", "--output", str(tmp_path / "out")]):
        assert cli.main(arguments) == EXIT_USAGE
        assert (
            "model [x] contains '[': TensorFlow, TFX and Beam take such a path for a pattern" in capsys.readouterr().err
        )


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--max-upload-mb", "0"], ["--port", "x"]])
def test_invalid_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["demo", "model", *arguments])
    assert stop.value.code == EXIT_USAGE
    assert "usage: vocseg demo" in capsys.readouterr().err


def test_the_help_imports_no_heavy_library_and_a_missing_extra_is_reported(colour_models: tuple[Path, Path]) -> None:
    program = (
        "import sys\n"
        "sys.modules['uvicorn'] = None\n"  # as if it were not installed
        "from pipeline import cli\n"
        "try:\n    cli.main(['demo', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'starlette', 'numpy', 'PIL'} & set(sys.modules)\n"
        f"sys.exit(str(heavy) if heavy else cli.main(['demo', {str(colour_models[0])!r}, '--port', '0']))\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == EXIT_USAGE, finished.stderr
    assert "uvicorn is not installed; `vocseg demo` needs: pip install 'voc-seg[demo]'" in finished.stderr
    assert "--max-upload-mb" in finished.stdout
