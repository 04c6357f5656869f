"""`vocseg doctor`: what it prints, and its exit status; a GPU exists only as a driver's folder."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.doctor import checks, gpu, rates
from pipeline.doctor.checks import available_memory, machine_findings, package_findings


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures for a moment only, and finds no driver of this machine."""
    monkeypatch.setattr(rates, "MEASURED_SECONDS", 0.0001)
    monkeypatch.setattr(gpu, "find_driver", lambda: None)


@pytest.mark.usefixtures("quick")
def test_a_machine_without_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for expected in ("tensorflow          2.", "device              CPU, ", "built for CUDA", "nothing is missing"):
        assert expected in printed
    for line in ("matrix product", "convolution"):
        (rate,) = [row.split()[-4] for row in printed.splitlines() if row.startswith(f"✓ {line}")]
        assert float(rate.replace(",", "")) > 0
    assert re.search(r"16-bit convolution  [\d,]+ GFLOP/s in bfloat16", printed)
    assert "✗" not in printed


def test_bfloat16_is_recommended_where_it_is_much_faster() -> None:
    assert rates.bfloat16_text(100, 100) == "100 GFLOP/s in bfloat16"
    assert rates.bfloat16_text(1500, 500) == (
        "1,500 GFLOP/s in bfloat16, 3.0 times float32's: a U-Net or VGG-16 trains faster with "
        "training.precision=bfloat16; MobileNet and EfficientNet may not"
    )


@pytest.mark.usefixtures("quick")
def test_every_fault_has_a_cure_and_the_status_is_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "find_driver", lambda: gpu.Driver("470.82", ("NVIDIA T4",)))
    monkeypatch.setitem(checks.EXTRAS, "pipeline", ("tfx-of-another-name",))
    monkeypatch.setattr(checks, "available_memory", lambda: 2_000_000_000)
    monkeypatch.setattr(checks, "LEAST_DISK", 1e18)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "4 problems found" in printed
    assert printed.count("✗") == printed.count("→") == 4
    for cure in (
        "TensorFlow cannot use NVIDIA T4: the driver 470.82 is too old",
        "run `make env`, or pip install 'voc-seg[pipeline]'",
        "a run needs 4 GB or more",
        "name another --output",
    ):
        assert cure in printed


def test_the_memory_of_a_container_is_its_limit(tmp_path: Path) -> None:
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:    8000000 kB\n")
    assert available_memory(meminfo, limit) == 8_192_000_000
    for text, expected in (("max\n", 8_192_000_000), ("1000000\n", 1_000_000), ("9000000000000\n", 8_192_000_000)):
        limit.write_text(text)
        assert available_memory(meminfo, limit) == expected


def test_an_allocator_that_the_environment_configures_and_extras_that_are_not_needed_are_no_faults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    monkeypatch.setitem(checks.EXTRAS, "demo", ("starlette", "nothing-of-this-name"))
    findings = {finding.subject: finding for finding in (*machine_findings(tmp_path / "new"), *package_findings())}
    assert "MALLOC_" in findings["allocator"].text
    assert findings["extras"].text == "not installed: demo"
    assert not findings["extras"].cure
    assert f"at {tmp_path}" in findings["disk"].text


def test_the_doctor_knows_every_extra_and_its_packages() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    assert set(checks.EXTRAS) == set(extras) - {"dev", "gpu"}
    for extra, packages in checks.EXTRAS.items():
        named = {re.split(r"[^\w-]", requirement)[0] for requirement in extras[extra]}
        assert set(packages) <= named, extra
