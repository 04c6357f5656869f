"""Runs that a Kubeflow Pipelines server starts by itself, by the clock."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from pipeline.kubeflow.server.client import Server, ServerError, UsageError
from pipeline.kubeflow.server.runs import NOT_FOUND, Settings, latest

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CRON_FIELDS = 6


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When runs begin: one of the two.

    Attributes:
        cron: six fields, seconds first, in the server's time zone, which is UTC by default.
        every_seconds: from one start to the next.
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
        name: for people.
        schedule: when it starts runs.
        enabled: whether it does.
    """

    recurring_id: str
    name: str
    schedule: Schedule
    enabled: bool


def parse_schedule(cron: str | None, every: str | None) -> Schedule:
    """Reads a schedule.

    Args:
        cron: six fields, as in `0 30 2 * * *`: every day at half past two.
        every: a number with s, m, h, d or w, as in `12h`.

    Raises:
        UsageError: neither, or not of that form.
    """
    if cron:
        fields = cron.split()
        if len(fields) == _CRON_FIELDS - 1 and not cron.startswith("@"):
            raise UsageError(f"--cron {cron!r}: KFP's cron has six fields, seconds first: '0 {cron}'")
        if len(fields) != _CRON_FIELDS and not cron.startswith("@"):
            raise UsageError(f"--cron {cron!r}: write six fields, as in '0 30 2 * * *', every day at 2:30")
        return Schedule(cron=cron)
    match = re.fullmatch(r"([1-9]\d*)([smhdw])", every or "")
    if not match:
        raise UsageError(f"--every {every}: write a number and s, m, h, d or w, such as 12h")
    return Schedule(every_seconds=int(match[1]) * _UNIT_SECONDS[match[2]])


def create(server: Server, file: Path, settings: Settings, schedule: Schedule, *, catch_up: bool = False) -> str:
    """Makes a recurring run and returns its id; one run at a time.

    Args:
        server: where it is made.
        file: the specification that runs, in YAML.
        settings: how.
        schedule: when.
        catch_up: start the runs that were missed while it was disabled.

    Raises:
        ServerError: the server did not take it.
    """
    with server.client() as client:
        experiment = client.create_experiment(settings.experiment, namespace=server.namespace or None)
        made = client.create_recurring_run(
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
    return made.recurring_run_id


def list_recurring(server: Server, *, experiment: str | None = None, count: int = 20) -> list[RecurringRun]:
    """The latest recurring runs, of one experiment or all.

    Raises:
        UsageError: no such experiment.
        ServerError: the server did not answer.
    """
    return [_recurring(raw) for raw in latest(server, "recurring_runs", experiment, count)]


def change(server: Server, recurring_id: str, action: str) -> None:
    """Enables, disables or deletes a recurring run; runs that it has started go on.

    Args:
        server: where it is.
        recurring_id: which.
        action: `enable`, `disable` or `delete`.

    Raises:
        ServerError: there is none of that id, or the server did not do it.
    """
    try:
        with server.client() as client:
            getattr(client, f"{action}_recurring_run")(recurring_id)
    except ServerError as error:
        if error.status == NOT_FOUND:
            raise ServerError(
                f"recurring run {recurring_id!r} is unknown to {server.host}; `vocseg kubeflow recurring list` shows "
                "those that there are",
                NOT_FOUND,
            ) from error
        raise


def _recurring(raw: Any) -> RecurringRun:
    trigger = raw.trigger
    cron = trigger.cron_schedule.cron if trigger and trigger.cron_schedule else None
    periodic = trigger.periodic_schedule if trigger else None
    every = int(periodic.interval_second) if periodic and periodic.interval_second else None
    return RecurringRun(raw.recurring_run_id, raw.display_name or "", Schedule(cron, every), raw.status == "ENABLED")


def _duration(seconds: int) -> str:
    unit = next(unit for unit in ("w", "d", "h", "m", "s") if seconds % _UNIT_SECONDS[unit] == 0)
    return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
