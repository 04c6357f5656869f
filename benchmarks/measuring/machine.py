"""The machine and the versions that a result belongs to."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import re
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "tfx", "apache-beam", "tensorflow-model-analysis", "tensorflow-datasets", "numpy")


@dataclasses.dataclass(frozen=True)
class Machine:
    """The machine of a measurement.

    Attributes:
        processor: model of the CPU.
        cores: those that this process may use.
        memory: in GB.
        libc: the C library and its version.
        load: average number of running processes in the minute before the measurement: 0 if the machine did nothing.
    """

    processor: str
    cores: int
    memory: float
    libc: str
    load: float

    def same_hardware(self, other: Machine) -> bool:
        """Returns whether only the load differs."""
        return dataclasses.replace(self, load=0) == dataclasses.replace(other, load=0)

    def __str__(self) -> str:
        """Describes the machine in one line."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory:.0f} GB of memory, {self.libc}, "
            f"load {self.load:.1f} at the start"
        )


def describe_machine() -> Machine:
    """Describes this machine."""
    return Machine(
        processor=_value("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory=round(int(_value("/proc/meminfo", r"MemTotal:\s*(\d+) kB") or 0) * 1024 / 1e9, 1),
        libc=" ".join(platform.libc_ver()),
        load=round(os.getloadavg()[0], 2),
    )


def _value(file: str, pattern: str) -> str | None:
    found = re.search(pattern, Path(file).read_text())
    return found[1].strip() if found else None


def installed_versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages on which the numbers depend most."""
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
