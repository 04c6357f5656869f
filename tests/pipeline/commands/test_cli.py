from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline import cli
from pipeline.commands.terminal import EXIT_CLOSED_OUTPUT, EXIT_FAILED, EXIT_USAGE

if TYPE_CHECKING:
    from pathlib import Path


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from pipeline import cli\n"
        "try:\n    cli.main(['run', '--help'])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'apache_beam', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    for option in ("--preset", "--devkit", "--output", "--set"):
        assert option in finished.stdout


def test_a_wrong_configuration_is_an_error_before_heavy_imports() -> None:
    program = (
        "import sys\n"
        "from pipeline import cli\n"
        "status = cli.main(['run', '--set', 'training.epochs=0'])\n"
        "heavy = {'tensorflow', 'tfx', 'keras', 'apache_beam'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else status)\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == EXIT_USAGE, finished.stderr
    assert finished.stderr == "vocseg: training.epochs: input should be greater than or equal to 1 (got 0)\n"


def test_data_sample_writes_a_devkit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "VOC2012"
    assert cli.main(["data", "sample", str(folder), "--train", "3", "--val", "2"]) == 0
    assert "3 train and 2 val images" in capsys.readouterr().out
    assert len(list((folder / "JPEGImages").iterdir())) == 5
    assert cli.main(["data", "sample", str(folder)]) == EXIT_USAGE
    assert "is not an empty folder" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["run", "--output", str(tmp_path / "file")]) == EXIT_FAILED
    assert "file cannot be written to: File exists; it is a file: name a folder" in capfd.readouterr().err


def test_an_output_that_is_a_pattern_is_refused_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out [1]"
    for command in (["run"], ["experiment", "transfer"], ["evaluate", "model", "--devkit", "x"]):
        assert cli.main([*command, "--output", str(output)]) == EXIT_USAGE
        assert "out [1] contains '[': TensorFlow, TFX and Beam take such a path for a pattern" in " ".join(
            capfd.readouterr().err.split()
        ).replace("/transfer_sample", "")
        assert not output.exists()


def test_a_tilde_after_an_equals_sign_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "sample", "~/VOC2012", "--train", "1", "--val", "1"]) == 0
    assert cli.main(["data", "show", "~/VOC2012", "--output=~/pictures", "--image-size", "16"]) == 0
    written = {path.name for path in tmp_path.iterdir()}  # libraries may put folders of their own into the home folder
    assert {"VOC2012", "pictures"} <= written
    assert "~" not in written
    assert capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["data", "sample", "folder", "--train", "0"], ["fly"]])
def test_wrong_arguments_exit_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == EXIT_USAGE
    assert "usage: vocseg" in capsys.readouterr().err


TOO_LONG = "x" * 300


@pytest.mark.parametrize(
    "command",
    [
        ["predict", TOO_LONG, "a.jpg", "--output", "out"],
        ["demo", TOO_LONG],
        ["benchmark", TOO_LONG],
        ["lineage", TOO_LONG],
        ["rollback", TOO_LONG],
        ["repair", TOO_LONG],
        ["data", "import", "folders", TOO_LONG, "out"],
        ["data", "check", TOO_LONG],
        ["data", "show", TOO_LONG, "--output", "out"],
        ["run", "--publish-weights", TOO_LONG],
    ],
)
def test_an_error_of_the_system_is_one_line(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(command) in (EXIT_FAILED, EXIT_USAGE)
    (line,) = capsys.readouterr().err.splitlines()
    assert TOO_LONG in line
    assert "File name too long" in line


HELP = [sys.executable, "-m", "pipeline.cli", "--help"]


@pytest.fixture
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write when they end, as usual: argparse drops the errors of a write."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.mark.usefixtures("buffered")
def test_a_reader_that_ends_early_is_no_error() -> None:
    """As in `vocseg --help | head`."""
    process = subprocess.Popen(HELP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate()[1] == b""
    assert process.returncode == EXIT_CLOSED_OUTPUT


@pytest.mark.usefixtures("buffered")
@pytest.mark.parametrize(
    ("output", "status", "message"),
    [("&-", 0, ""), ("/dev/full", EXIT_FAILED, "vocseg: [Errno 28] No space left on device\n")],
)
def test_a_closed_output_and_a_full_one(output: str, status: int, message: str) -> None:
    program = ["sh", "-c", f'"$@" >{output}', "sh", *HELP]
    finished = subprocess.run(program, stderr=subprocess.PIPE, text=True, check=False)
    assert finished.returncode == status
    assert finished.stderr.startswith(message)
    assert "Traceback" not in finished.stderr


def test_a_broken_pipe_elsewhere_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise BrokenPipeError("the worker ended")

    monkeypatch.setattr("pipeline.commands.repair._repair", fail)
    assert cli.main(["repair", "x"]) == EXIT_FAILED
    assert "the worker ended" in capfd.readouterr().err
