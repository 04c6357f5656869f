"""The wording of configuration errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pydantic

from pipeline.config.schema import RunConfig
from tfds_voc_seg.printable import without_logins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails


class ConfigError(ValueError):
    """The configuration is invalid; the message has one line per problem, without the logins in its URIs."""

    def __init__(self, message: str):
        super().__init__(without_logins(message))


def config_problems(errors: Sequence[ErrorDetails]) -> list[str]:
    """Returns one line per error of pydantic.

    The shared training settings are copied into each candidate before the validation. An error in the shared settings
    is therefore repeated for each candidate; it is listed only once.
    """
    shared = {error["loc"][1:] for error in errors if error["loc"][:1] == ("training",)}
    return [_problem(error) for error in errors if not _repeats_shared_error(error, shared)]


def refuse_tracking(config: RunConfig) -> None:
    """Refuses a configuration that logs to MLflow, for what does not do so.

    Raises:
        ConfigError: `tracking.mlflow` is set.
    """
    if config.tracking.mlflow is not None:
        raise ConfigError("tracking.mlflow: only `vocseg run` logs to MLflow; add --set tracking.mlflow=null")


def _repeats_shared_error(error: ErrorDetails, shared: set[tuple[int | str, ...]]) -> bool:
    """Tells whether an error at `candidates.<name>.training.<key>` is also one of the shared training settings."""
    location = error["loc"]
    return location[:1] == ("candidates",) and location[2:3] == ("training",) and location[3:] in shared


def _problem(error: ErrorDetails) -> str:
    """Words one error: the key, what is wrong, and what is allowed."""
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the configuration"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; allowed here are {', '.join(_allowed_keys(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{key}: missing; give it a value"
    message = re.sub(r"^Value error, ", "", error["msg"])
    message = message[0].lower() + message[1:]
    return f"{key}: {message}" if error["type"] == "value_error" else f"{key}: {message} (got {error['input']!r})"


def _allowed_keys(location: Iterable[int | str]) -> list[str]:
    """Returns the keys of the configuration class at a location."""
    model: type[pydantic.BaseModel] = RunConfig
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            continue  # the name of a candidate
        nested = [
            kind
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)
        ]
        if nested:
            model = nested[0]
    return list(model.model_fields)
