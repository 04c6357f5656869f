"""Finding NVIDIA's driver, and why TensorFlow cannot use a GPU; the driver is a folder of files."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.display.live import Display
from pipeline.doctor import gpu
from pipeline.doctor.devices import show_device
from pipeline.doctor.gpu import Driver, TensorFlowGpus, device_text, find_driver, gpu_problem, missing_libraries

H200 = Driver("580.159.04", ("NVIDIA H200",))
UNUSED = TensorFlowGpus((), "12.5.1", "9")


def write_driver(folder: Path, version_line: str, *names: str) -> Path:
    for number, name in enumerate(names):
        card = folder / "gpus" / f"0000:{number:02}:00.0"
        card.mkdir(parents=True)
        (card / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 11\nGPU UUID: \t GPU-1\n")
    folder.mkdir(exist_ok=True)
    (folder / "version").write_text(f"{version_line}\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n")
    return folder


@pytest.fixture(autouse=True)
def no_other_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds a driver of this machine."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023", "535.104.05"),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (root@host)",
            "580.159.04",
        ),
        ("something else", ""),
    ],
)
def test_the_driver_is_found_by_its_folder(line: str, version: str, tmp_path: Path) -> None:
    names = ("NVIDIA H200", "NVIDIA L4")
    assert find_driver(write_driver(tmp_path / "nvidia", line, *names)) == Driver(version, names)


def test_without_the_folder_the_drivers_command_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_driver(tmp_path / "nvidia") is None
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho '580.10, NVIDIA GeForce RTX 4090'\necho '580.10, NVIDIA T4, old'\n")
    command.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(command) if name == "nvidia-smi" else None)
    assert find_driver(tmp_path / "nvidia") == Driver("580.10", ("NVIDIA GeForce RTX 4090", "NVIDIA T4, old"))
    command.write_text("#!/bin/sh\necho 'Failed to initialize NVML'\nexit 9\n")
    assert find_driver(tmp_path / "nvidia") is None


def test_no_problem_without_a_gpu_and_with_one_that_tensorflow_uses() -> None:
    assert gpu_problem(None, UNUSED) is None
    assert gpu_problem(H200, TensorFlowGpus(("NVIDIA H200",), "12.5.1", "9")) is None


@pytest.mark.parametrize(
    ("driver", "gpus", "hidden", "missing", "cause"),
    [
        (H200, TensorFlowGpus((), "", ""), None, [], "no CUDA; install `tensorflow`"),
        (H200, UNUSED, "-1", [], "CUDA_VISIBLE_DEVICES=-1 hides it; unset"),
        (H200, UNUSED, "", [], "CUDA_VISIBLE_DEVICES= hides it"),
        (Driver("580.1", ()), UNUSED, None, [], "the driver lists no GPU; check `nvidia-smi`"),
        (Driver("525.60.9", ("A",)), UNUSED, None, [], "525.60.9 is too old for CUDA 12; update it to 525.60.13"),
        (H200, UNUSED, "0", ["libcudnn.so.9"], "libcudnn.so.9 cannot be loaded; run `make env`, or pip install"),
        (H200, UNUSED, None, [], "TensorFlow's own messages say why"),
        (Driver("", ("A",)), UNUSED, None, [], "TensorFlow's own messages say why"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_named_with_cause_and_cure(
    driver: Driver,
    gpus: TensorFlowGpus,
    hidden: str | None,
    missing: list[str],
    cause: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    monkeypatch.setattr(gpu, "missing_libraries", lambda _: missing)
    problem = gpu_problem(driver, gpus)
    assert problem is not None
    assert problem.startswith(f"TensorFlow cannot use {driver.gpus[0] if driver.gpus else 'the GPU'}: ")
    assert cause in problem
    assert "\n" not in problem


def test_libraries_are_found_in_nvidias_packages_and_by_the_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "nvidia/cudnn/lib/libcudnn.so.9"
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert missing_libraries(["libcudnn.so.9", "libc.so.6", "libnothing.so.9"]) == ["libnothing.so.9"]


def test_the_device_is_named() -> None:
    assert device_text(H200, TensorFlowGpus(("NVIDIA H200",), "12.5", "9")) == "NVIDIA H200 (driver 580.159.04)"
    assert device_text(None, TensorFlowGpus(("A", "A"), "12.5", "9")) == "2 × A"
    assert device_text(H200, UNUSED).startswith("CPU, ")


@pytest.mark.parametrize(
    ("gpus", "shown"),
    [
        (TensorFlowGpus(("NVIDIA H200",), "12.5", "9"), "device: NVIDIA H200 (driver 580.159.04)\n"),
        (
            TensorFlowGpus((), "", ""),
            "cannot use NVIDIA H200: this build of TensorFlow has no CUDA; install `tens",
        ),
    ],
)
def test_runs_and_experiments_show_the_device(
    gpus: TensorFlowGpus, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "find_driver", lambda: H200)
    monkeypatch.setattr(gpu, "tensorflow_gpus", lambda: gpus)
    output = io.StringIO()
    show_device(Display(Console(file=output, width=300)))
    assert output.getvalue().startswith("device: ")
    assert shown in output.getvalue()


@pytest.mark.parametrize(
    ("driver", "option"), [(True, "--all-extras --compile"), (False, "--all-extras --no-extra gpu")]
)
def test_make_env_installs_cuda_only_beside_a_driver(driver: bool, option: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "sh", "uv"):
        (tmp_path / "bin" / tool).symlink_to("/bin/bash")
    folder = write_driver(tmp_path / "nvidia", "NVRM version", "A") if driver else tmp_path
    done = subprocess.run(
        ["/usr/bin/make", "--dry-run", "env", f"VENV={tmp_path}/venv", f"NVIDIA_DRIVER={folder}/version"],
        cwd=Path(__file__).parents[3],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert option in " ".join(done.stdout.split())
