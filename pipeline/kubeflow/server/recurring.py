"""Creates, lists, changes and deletes recurring runs, which a Kubeflow Pipelines server starts on a schedule."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from pipeline.kubeflow.server.client import Server, ServerError, UsageError
from pipeline.kubeflow.server.runs import NOT_FOUND, RunSettings, list_latest

if TYPE_CHECKING:
    from pathlib import Path

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CRON_FIELDS = 6


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When runs start. Exactly one of the two attributes is set.

    Attributes:
        cron: six cron fields, seconds first, in the server's time zone, which is UTC by default.
        every_seconds: time from one start to the next.
    """

    cron: str | None = None
    every_seconds: int | None = None

    def __str__(self) -> str:
        return self.cron if self.cron else f"every {_duration(self.every_seconds or 0)}"


@dataclasses.dataclass(frozen=True)
class RecurringRun:
    """A recurring run.

    Attributes:
        recurring_id: the server's id.
        name: the display name.
        schedule: when it starts runs.
        enabled: whether it starts runs at present.
    """

    recurring_id: str
    name: str
    schedule: Schedule
    enabled: bool


def parse_schedule(cron: str | None, every: str | None) -> Schedule:
    """Parses a schedule.

    Args:
        cron: six cron fields; for example `0 30 2 * * *` is every day at 2:30.
        every: a number followed by s, m, h, d or w, for example `12h`.

    Raises:
        UsageError: both are missing, or the format is invalid.
    """
    if cron:
        fields = cron.split()
        if len(fields) == _CRON_FIELDS - 1 and not cron.startswith("@"):
            raise UsageError(f"--cron {cron!r}: KFP needs six fields, with seconds first: '0 {cron}'")
        if len(fields) != _CRON_FIELDS and not cron.startswith("@"):
            raise UsageError(f"--cron {cron!r}: needs six fields, for example '0 30 2 * * *' for every day at 2:30")
        return Schedule(cron=cron)
    match = re.fullmatch(r"([1-9]\d*)([smhdw])", every or "")
    if not match:
        raise UsageError(f"--every {every}: needs a number followed by s, m, h, d or w, for example 12h")
    return Schedule(every_seconds=int(match[1]) * _UNIT_SECONDS[match[2]])


def create(server: Server, file: Path, settings: RunSettings, schedule: Schedule, *, catch_up: bool = False) -> str:
    """Creates a recurring run that executes at most one run at a time, and returns its id.

    Args:
        server: the server.
        file: the specification to run, in YAML.
        settings: settings of each run.
        schedule: when runs start.
        catch_up: after it was disabled, start the missed runs later.

    Raises:
        ServerError: the request failed.
    """
    with server.client() as client:
        experiment = client.create_experiment(settings.experiment, namespace=server.namespace or None)
        created = client.create_recurring_run(
            experiment.experiment_id,
            settings.name,
            interval_second=schedule.every_seconds,
            cron_expression=schedule.cron,
            max_concurrency=1,
            no_catchup=not catch_up,
            params=settings.parameters,
            pipeline_package_path=str(file),
            pipeline_root=settings.pipeline_root,
            enable_caching=settings.caching,
            service_account=settings.service_account,
        )
    return str(created.recurring_run_id)


def list_recurring(server: Server, *, experiment: str | None = None, count: int = 20) -> list[RecurringRun]:
    """Returns the latest recurring runs of one experiment or of all, newest first.

    Raises:
        UsageError: the experiment does not exist.
        ServerError: the request failed.
    """
    return [_recurring_run(run) for run in list_latest(server, "recurring_runs", experiment, count)]


def change(server: Server, recurring_id: str, action: str) -> None:
    """Enables, disables or deletes a recurring run; runs that it has started continue.

    Args:
        server: the server.
        recurring_id: the id of the recurring run.
        action: `enable`, `disable` or `delete`.

    Raises:
        ServerError: the recurring run is unknown, or the request failed.
    """
    try:
        with server.client() as client:
            getattr(client, f"{action}_recurring_run")(recurring_id)
    except ServerError as error:
        if error.status == NOT_FOUND:
            raise ServerError(
                f"recurring run {recurring_id!r} does not exist on {server.host}; `vocseg kubeflow recurring list` "
                "lists the recurring runs",
                NOT_FOUND,
            ) from error
        raise


def _recurring_run(run: Any) -> RecurringRun:
    """Converts kfp's recurring run object."""
    trigger = run.trigger
    cron = trigger.cron_schedule.cron if trigger and trigger.cron_schedule else None
    periodic = trigger.periodic_schedule if trigger else None
    every = int(periodic.interval_second) if periodic and periodic.interval_second else None
    return RecurringRun(run.recurring_run_id, run.display_name or "", Schedule(cron, every), run.status == "ENABLED")


def _duration(seconds: int) -> str:
    unit = next(unit for unit in ("w", "d", "h", "m", "s") if seconds % _UNIT_SECONDS[unit] == 0)
    return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
