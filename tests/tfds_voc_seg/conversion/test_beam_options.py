"""Beam's own parser accepts the options that the pages on engines list."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from apache_beam.options import pipeline_options as beam_options
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

from pipeline.cli import command_parser
from pipeline.config.loading import load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[3]
PAGES = ("docs/beam.md", "docs/clusters.md", "docs/scale.md")
DASK = "Dask"
WORKER = '{"command": "/opt/voc-seg/.venv/bin/vocseg-beam-worker"}'
REMOTE: dict[str, dict[str, object]] = {
    "Dataflow": {
        "runner": "DataflowRunner",
        "project": "my-project",
        "region": "europe-west4",
        "temp_location": "gs://my-bucket/beam/temp",
        "staging_location": "gs://my-bucket/beam/staging",
        "max_num_workers": 8,
        "setup_file": "./setup.py",
    },
    "Flink": {
        "runner": "FlinkRunner",
        "flink_master": "http://flink.example:8081",
        "flink_version": "1.20",
        "parallelism": 8,
        "environment_type": "PROCESS",
        "environment_config": WORKER,
    },
    "Spark": {
        "runner": "SparkRunner",
        "spark_master_url": "spark://spark.example:7077",
        "spark_version": "3",
        "environment_type": "PROCESS",
        "environment_config": WORKER,
    },
}


def blocks() -> Iterator[tuple[str, str, str]]:
    """Yields section, language and text of each fenced block."""
    sections = [section for page in PAGES for section in (PROJECT / page).read_text().split("\n## ")[1:]]
    for section in sections:
        title = section.partition("\n")[0]
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL):
            yield title, language, text


def beam_args(language: str, text: str) -> list[str]:
    """Returns the Beam options of a documented command or call."""
    if language == "bash":
        run = command_parser().parse_args(shlex.split(text.replace("\\\n", ""))[1:])
        return load_config(run.preset, overrides=run.overrides).beam.args
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    (options,) = [call for call in calls if getattr(call.func, "id", "") == "PipelineOptions"]
    args: list[str] = ast.literal_eval(options.args[0])
    return args


DOCUMENTED = [(title, language, beam_args(language, text)) for title, language, text in blocks()]


def parse(args: list[str]) -> dict[str, object]:
    """Returns the values of the options; raises ValueError for an unknown option, which Beam ignores with a warning."""
    options: dict[str, object] = beam_options.PipelineOptions(args).get_all_options(retain_unknown_options=True)
    known = beam_options.PipelineOptions([]).get_all_options()
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"Beam knows no option {', '.join(unknown)}")
    return options


@pytest.mark.parametrize(
    ("title", "args"),
    [(title, args) for title, _, args in DOCUMENTED],
    ids=[f"{title}-{language}" for title, language, _ in DOCUMENTED],
)
def test_beam_knows_every_documented_option(title: str, args: list[str]) -> None:
    if title == DASK:
        pytest.importorskip("dask")
        import apache_beam.runners.dask.dask_runner  # noqa: F401 (registers its options)
    expected: dict[str, object] = REMOTE.get(title, {})
    assert parse(args).items() >= expected.items()


def test_pipeline_and_dataset_options_are_documented_for_the_remote_engines() -> None:
    assert {(title, language) for title, language, _ in DOCUMENTED} >= {
        (title, language) for title in REMOTE for language in ("bash", "python")
    }


@pytest.mark.parametrize("wrong", ["--flink_masters=http://flink.example:8081", "--no_such_option"])
def test_an_unknown_option_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="Beam knows no option"):
        parse(["--runner=FlinkRunner", wrong])


def test_a_wrong_value_is_an_error() -> None:
    with pytest.raises(SystemExit):
        parse(["--runner=FlinkRunner", "--flink_version=0.1"])


RUNNERS = {f"--runner={expected['runner']}" for expected in REMOTE.values()}


def test_the_page_on_large_data_names_a_command_for_every_remote_engine() -> None:
    large = [args for title, _, args in DOCUMENTED if "illion images" in title]
    assert {args[0] for args in large} == {*RUNNERS, "--runner=DirectRunner"}


@pytest.mark.parametrize(
    "args", [args for _, _, args in DOCUMENTED if args[0] in RUNNERS], ids=lambda args: args[0].partition("=")[2]
)
def test_beam_validates_the_options_of_the_remote_engines(args: list[str]) -> None:
    options = beam_options.PipelineOptions(
        [*args, "--dry_run=true"]
    )  # without it, the validator looks up the bucket over the network
    runner = type(args[0].partition("=")[2], (), {})()  # the validator uses only the name of the runner's class
    assert PipelineOptionsValidator(options, runner).validate() == []
