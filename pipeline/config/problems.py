"""The wording of configuration errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pydantic

from pipeline.config.schema import RunConfig


class ConfigError(ValueError):
    """A configuration that can't be used; the message is one line a problem."""


def config_problems(errors: Iterable[Any]) -> list[str]:
    """One line for each of pydantic's errors; one in the shared training settings is said once."""
    shared = {error["loc"][1:] for error in errors if error["loc"][:1] == ("training",)}
    return [
        _problem(error)
        for error in errors
        if not (
            error["loc"][:1] == ("candidates",) and error["loc"][2:3] == ("training",) and error["loc"][3:] in shared
        )
    ]


def _problem(details: Any) -> str:
    """One line for one of pydantic's errors: the key, what is wrong, what is allowed."""
    key = ".".join(str(part) for part in details["loc"] if part != "[key]") or "the configuration"
    if details["type"] == "extra_forbidden":
        allowed = _allowed_keys(details["loc"][:-1])
        return f"{key}: unknown key; allowed here are {', '.join(allowed)}"
    message = re.sub(r"^Value error, ", "", details["msg"])
    message = message[0].lower() + message[1:]
    if details["type"] == "missing":
        return f"{key}: missing; give it a value"
    return f"{key}: {message} (got {details['input']!r})" if details["type"] != "value_error" else f"{key}: {message}"


def _allowed_keys(location: Iterable[Any]) -> list[str]:
    """The keys that the model at a location takes."""
    model: type[pydantic.BaseModel] = RunConfig
    for part in location:
        if part not in model.model_fields:
            continue  # a candidate's own name
        annotation = model.model_fields[part].annotation
        nested = [
            kind
            for kind in (annotation, *getattr(annotation, "__args__", ()))
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)
        ]
        if nested:
            model = nested[0]
    return list(model.model_fields)
