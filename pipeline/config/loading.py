"""Reads a preset and the settings that override it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from pipeline.config.assignments import AssignmentError, split_assignment, yaml_value
from pipeline.config.problems import ConfigError, config_problems
from pipeline.config.schema import RunConfig
from tfds_voc_seg.storage import absolute_place, local_path
from tfds_voc_seg.yaml_texts import YamlError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable


def preset_names() -> list[str]:
    """Returns the names of the presets that come with the package."""
    return sorted(Path(file.name).stem for file in _preset_folder().iterdir() if file.name.endswith(".yaml"))


def load_config(
    preset: str, *, overrides: Iterable[str] = (), devkit: str | None = None, output: str | None = None
) -> RunConfig:
    """Reads a preset, applies the overrides and validates the result.

    Args:
        preset: the name of a preset, or the path of a YAML file.
        overrides: texts of the form `key=value`; the key is dotted, the value is YAML: `training.epochs=3`.
        devkit: overrides `data.devkit`.
        output: overrides `output`.

    Raises:
        ConfigError: a preset, key or type is unknown, or a value is invalid. The message has one line per problem, with
            the key and the allowed values.
    """
    settings = _read_preset(preset)
    for override in overrides:
        _apply_override(settings, override)
    if devkit is not None:
        _set_value(settings, ["data", "devkit"], absolute_place(devkit))
    if output is not None:
        settings["output"] = output
    try:
        return RunConfig.model_validate(settings)
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(config_problems(error.errors()))) from error


def _preset_folder() -> Traversable:
    return resources.files("pipeline.presets")


def _read_preset(preset: str) -> dict[str, Any]:
    if preset in preset_names():
        text = (_preset_folder() / f"{preset}.yaml").read_text()
    elif preset.endswith((".yaml", ".yml")):
        try:
            text = local_path(preset).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{preset}: cannot be read ({error})") from error
    else:
        raise ConfigError(f"preset {preset!r} is unknown; allowed are {', '.join(preset_names())}, or a .yaml file")
    try:
        settings = parse_yaml(text)
    except YamlError as error:
        raise ConfigError(f"{preset}: not valid YAML: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{preset}: must hold keys and values, such as `name: my_run`")
    return settings


def _apply_override(settings: dict[str, Any], override: str) -> None:
    try:
        key, text = split_assignment(override, "key=value, such as training.epochs=3")
        value = yaml_value(text)
    except AssignmentError as error:
        raise ConfigError(f"--set {override}: {error}") from error
    _set_value(settings, key.split("."), value)


def _set_value(settings: dict[str, Any], path: list[str], value: Any) -> None:
    """Sets the value at a path of keys; creates the mappings on the way."""
    for depth, key in enumerate(path[:-1], start=1):
        settings = settings.setdefault(key, {})
        if not isinstance(settings, dict):
            raise ConfigError(f"{'.'.join(path)}: {'.'.join(path[:depth])} is a single value and has no keys")
    settings[path[-1]] = value
