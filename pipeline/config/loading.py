"""Reads a preset and the settings that override it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic
import yaml

from pipeline.config.problems import ConfigError, config_problems
from pipeline.config.schema import RunConfig
from tfds_voc_seg.storage import absolute_place


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(Path(file.name).stem for file in _preset_folder().iterdir() if file.name.endswith(".yaml"))


def load_config(
    preset: str, *, overrides: Iterable[str] = (), devkit: str | None = None, output: str | None = None
) -> RunConfig:
    """Reads a preset, lays the overrides over it and validates the result.

    Args:
        preset: a preset's name, or the path of a YAML file.
        overrides: `key=value` each, the key dotted, the value YAML: `training.epochs=3`.
        devkit: overrides `data.devkit`.
        output: overrides `output`.

    Raises:
        ConfigError: an unknown preset, key or type, or an impossible value; each problem is one line that names the
            key and what is allowed.
    """
    values = _read_preset(preset)
    for override in overrides:
        _apply_override(values, override)
    if devkit is not None:
        _set_value(values, ["data", "devkit"], absolute_place(devkit))
    if output is not None:
        values["output"] = output
    try:
        return RunConfig.model_validate(values)
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(config_problems(error.errors()))) from error


def _preset_folder() -> Any:
    return resources.files("pipeline.presets")


def _read_preset(preset: str) -> dict[str, Any]:
    if preset in preset_names():
        text = (_preset_folder() / f"{preset}.yaml").read_text()
    elif preset.endswith((".yaml", ".yml")):
        try:
            text = Path(preset).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{preset}: can't be read ({error})") from error
    else:
        raise ConfigError(f"preset {preset!r} is unknown; allowed are {', '.join(preset_names())}, or a .yaml file")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise ConfigError(f"{preset}: not valid YAML: {where}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{preset}: must hold keys and values, such as `name: my_run`")
    return values


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not (key and equals):
        raise ConfigError(f"--set {override}: write key=value, such as training.epochs=3")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override}: the value is not valid YAML") from error
    _set_value(values, key.split("."), value)


def _set_value(values: dict[str, Any], path: list[str], value: Any) -> None:
    for depth, key in enumerate(path[:-1], start=1):
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{'.'.join(path)}: {'.'.join(path[:depth])} is a value, it has no keys below it")
    values[path[-1]] = value
