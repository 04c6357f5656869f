"""`vocseg doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.terminal import EXIT_FAILED, local_path

if TYPE_CHECKING:
    import argparse

    from pipeline.commands.terminal import CommandGroup
    from pipeline.doctor.checks import Finding


def add_parser(commands: CommandGroup) -> None:
    """Adds `doctor`."""
    parser = commands.add_parser(
        "doctor",
        help="show versions and devices of this machine, how fast it computes, and what is missing",
        description="Show the versions of the main packages, the devices, memory and disk space, measure a matrix "
        "product and a convolution, and say what is missing and what to do. The exit status is 1 if something is.",
    )
    parser.add_argument(
        "--output",
        type=local_path,
        default=Path("runs"),
        metavar="DIR",
        help="the folder whose disk space is checked (default: runs)",
    )
    parser.set_defaults(command=_doctor, interrupted="interrupted")


def _doctor(options: argparse.Namespace) -> int:
    from pipeline.doctor.checks import machine_findings, package_findings

    findings = [*package_findings(), *machine_findings(options.output)]
    for finding in findings:
        _show(finding)
    for finding in _devices():
        _show(finding)
        findings.append(finding)
    wrong = sum(bool(finding.cure) for finding in findings)
    print(f"{wrong} problem{'s' if wrong > 1 else ''} found" if wrong else "nothing is missing")  # noqa: T201
    return EXIT_FAILED if wrong else 0


def _devices() -> list[Finding]:
    from pipeline.display.library_output import import_tensorflow_silently
    from pipeline.doctor.checks import Finding

    try:
        import_tensorflow_silently()
    except ImportError as error:
        return [Finding("TensorFlow", f"cannot be imported: {error}", "run `make env`, or pip install tensorflow")]
    from pipeline.doctor.gpu import device_text, find_driver, gpu_problem, tensorflow_gpus
    from pipeline.doctor.rates import bfloat16_text, convolution_rate, matrix_product_rate

    driver, gpus = find_driver(), tensorflow_gpus()
    problem = gpu_problem(driver, gpus) or ""
    built = f"TensorFlow is built for CUDA {gpus.cuda} and cuDNN {gpus.cudnn}" if gpus.cuda else "no CUDA in TensorFlow"
    on_gpu = bool(gpus.names)
    convolution = convolution_rate(gpu=on_gpu)
    in_16_bits = bfloat16_text(convolution_rate(gpu=on_gpu, dtype="bfloat16"), convolution)
    return [
        Finding("device", f"{device_text(driver, gpus)}; {built}", problem),
        Finding("matrix product", f"{matrix_product_rate(gpu=on_gpu):,.0f} GFLOP/s in float32"),
        Finding("convolution", f"{convolution:,.0f} GFLOP/s in float32"),
        Finding("16-bit convolution", in_16_bits),
    ]


def _show(finding: Finding) -> None:
    mark = "✗" if finding.cure else "✓"
    print(f"{mark} {finding.subject:20}{finding.text}", flush=True)  # noqa: T201
    if finding.cure:
        print(f"  {'':20}→ {finding.cure}")  # noqa: T201
