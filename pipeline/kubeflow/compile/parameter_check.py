"""Finds local paths and secrets in the parameters, arguments and environment variables of a specification.

The backend stores parameters in its database and shows them on its web page to everybody who may see the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.kubeflow.node.backend import MOUNTS

if TYPE_CHECKING:
    from pipeline.kubeflow.compile.specification import SpecFile

_SECRET_NAME = re.compile(
    r"(password|passwd|passphrase|secret|api_?key|access_?key|private_?key|credential|auth_?token|(?<![a-z])token$)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # Amazon Web Services
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"  # GitHub
    r"|\bya29\.[A-Za-z0-9_-]{20,}"  # Google OAuth
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."  # a JSON web token
    r"|://[^/\s:@]+:[^/\s:@]+@"  # user:password in a URL
)
_ABSOLUTE_PATH = re.compile(r"(?:file://)?/[^\s/][^\s]*")
_RELATIVE_PATH = re.compile(r"[\w.~-]+(?:/[\w.-]+)+")
_OPTION = re.compile(r"--([\w-]+)=(.*)", re.DOTALL)


def parameter_problems(file: SpecFile) -> Iterator[str]:
    """Searches parameters, their default values, arguments and environment variables.

    A path is a path on the cluster if it lies in a volume that every executor mounts, or in a folder of the launcher.
    Any other absolute path, and any relative path that exists on this machine, is reported as a local path.

    Yields:
        One sentence per problem.
    """
    mounts = _common_mounts(file)
    for place, name, text in _all_strings(file.spec):
        if _SECRET_VALUE.search(text) or (_SECRET_NAME.search(name) and text):
            yield (
                f"{place}: looks like a secret, and everybody who can see the run could read it; store it in a "
                "Kubernetes secret and name that secret under kubeflow.secrets"
            )
        elif _is_local_path(text, mounts):
            yield (
                f"{place}: {text} is a local path, which containers cannot reach; give a URI, or a path in a mounted "
                f"volume (mounted paths: {', '.join(sorted(mounts)) or 'none'}; see kubeflow.volumes)"
            )


def _common_mounts(file: SpecFile) -> set[str]:
    """Returns the paths of the volumes that every executor mounts."""
    paths = [
        {mount["mountPath"].rstrip("/") for mount in file.platform.get(name, {}).get("pvcMount", [])}
        for name in file.spec["deploymentSpec"].get("executors", {})
    ]
    return set.intersection(*paths) if paths else set()


def _all_strings(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields every string that a user can set, as (its place in the specification, the innermost key, the string)."""
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        yield from _strings_in(f"parameter {name}", name, parameter.get("defaultValue"))
    for task, values in spec["root"].get("dag", {}).get("tasks", {}).items():
        for name, source in values.get("inputs", {}).get("parameters", {}).items():
            constant = source.get("runtimeValue", {}).get("constant")
            yield from _strings_in(f"task {task}, parameter {name}", name, constant)
    for label, executor in spec["deploymentSpec"].get("executors", {}).items():
        container = executor.get("container", {})
        for entry in container.get("env", []):
            yield from _strings_in(f"executor {label}, variable {entry['name']}", entry["name"], entry.get("value"))
        words = [word for word in container.get("args", []) if word != "{{$}}"]
        for previous, word in zip(["", *words], words, strict=False):
            option = _OPTION.fullmatch(word)
            name, value = option.groups() if option else (previous.lstrip("-"), word)
            if name != "json_serialized_inputs_spec_args":  # contains types, not values
                yield from _strings_in(f"executor {label}, argument --{name}", name, value)


def _strings_in(place: str, name: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """Yields the strings in a value; a string that contains JSON is parsed first."""
    if isinstance(value, str):
        if value.lstrip().startswith(("{", "[", '"')):
            try:
                inner = json.loads(value)
            except ValueError:
                inner = None
            if inner is not None and inner != value:
                yield from _strings_in(place, name, inner)
                return
        yield place, name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings_in(f"{place}, {key}", str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings_in(place, name, inner)


def _is_local_path(text: str, mounts: set[str]) -> bool:
    if _ABSOLUTE_PATH.fullmatch(text):
        path = text.removeprefix("file://")
        cluster_folders = (*mounts, *(f"/{folder}" for folder in MOUNTS.values()))
        return text != path or not any(path == mount or path.startswith(f"{mount}/") for mount in cluster_folders)
    if text.startswith(("~/", "./", "../")):
        return True
    return bool(_RELATIVE_PATH.fullmatch(text)) and Path(text).exists()
