"""Every locked package has a wheel for each Python and glibc that docs/install.md names, or is compiled."""

from __future__ import annotations

import collections
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

PROJECT = Path(__file__).parents[1]
PACKAGES: list[dict[str, Any]] = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]
SOURCE_ONLY = {"google-apitools", "jsonpath-rw", "kfp-server-api", "promise", "pyfarmhash", "rouge-score"}
"""Distributed without wheels for at least one Python; only pyfarmhash needs a compiler."""

REQUIRED: dict[str, list[str]] = collections.defaultdict(list)
"""Package → the condition of each requirement of it; an empty text for a requirement without a condition."""
for _package in PACKAGES:
    _groups = (*_package.get("optional-dependencies", {}).values(), *_package.get("dev-dependencies", {}).values())
    for _required in chain(_package.get("dependencies", []), *_groups):
        REQUIRED[_required["name"]].append(_required.get("marker", ""))

NEEDS_NEW_GLIBC = {"ml-metadata", "tensorflow-data-validation"}


def _tags(minor: int, glibc: int) -> set[Tag]:
    """Returns the tags of the wheels that Python 3.`minor` can install on x86-64 with glibc 2.`glibc`."""
    platforms = [f"manylinux_2_{older}_x86_64" for older in range(5, glibc + 1)]
    platforms += ["manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64", "linux_x86_64"]
    python = (3, minor)
    return set(chain(cpython_tags(python, platforms=platforms), compatible_tags(python, f"cp3{minor}", platforms)))


def _locked_for(package: dict[str, Any], minor: int) -> bool:
    """Returns whether the lock file has this version of a package for Python 3.`minor`, and a package that needs it."""
    environment = {"python_full_version": f"3.{minor}.9", "python_version": f"3.{minor}"}
    machine = {"sys_platform": "linux", "platform_machine": "x86_64", "extra": ""}
    locked, needed = package.get("resolution-markers", []), REQUIRED.get(package["name"], [])
    return all(
        not markers or "" in markers or any(Marker(marker).evaluate(environment | machine) for marker in markers)
        for markers in (locked, needed)
    )


def _without_wheel(minor: int, glibc: int) -> set[str]:
    tags = _tags(minor, glibc)
    return {
        package["name"]
        for package in PACKAGES
        if "registry" in package["source"] and _locked_for(package, minor)
        if not any(
            parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] & tags for wheel in package.get("wheels", [])
        )
    }


@pytest.mark.parametrize(("minor", "glibc"), [(11, 36), (12, 39), (13, 39)])
def test_packages_have_wheels(minor: int, glibc: int) -> None:
    assert _without_wheel(minor, glibc) <= SOURCE_ONLY


@pytest.mark.parametrize("minor", [12, 13])
def test_two_packages_need_a_newer_glibc_for_newer_pythons(minor: int) -> None:
    assert _without_wheel(minor, 36) - SOURCE_ONLY == NEEDS_NEW_GLIBC
    assert _without_wheel(minor, 38) - SOURCE_ONLY == NEEDS_NEW_GLIBC


def test_the_page_names_the_locked_versions() -> None:
    page = (PROJECT / "docs/install.md").read_text()
    row = {
        name: next(line for line in page.splitlines() if line.startswith(f"| {name}"))
        for name in ("Python 3.11", "Python 3.12")
    }
    for minor, line in ((11, row["Python 3.11"]), (13, row["Python 3.12"])):
        versions = {
            package["name"]: package["version"]
            for package in PACKAGES
            if "version" in package and _locked_for(package, minor)
        }
        assert f"ML Metadata {versions['ml-metadata']} and TFDV {versions['tensorflow-data-validation']}" in line
