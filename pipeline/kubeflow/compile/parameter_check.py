"""What stands in a specification's parameters and arguments that should not: local paths and secrets.

Parameters are kept in the backend's database and shown on its web page, for everybody who may see the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.kubeflow.compile.spec_file import SpecFile
from pipeline.kubeflow.node.storage_mounts import MOUNTS

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
_ABSOLUTE = re.compile(r"(?:file://)?/[^\s/][^\s]*")
_WITH_FOLDER = re.compile(r"[\w.~-]+(?:/[\w.-]+)+")
_OPTION = re.compile(r"--([\w-]+)=(.*)", re.DOTALL)


def parameter_problems(file: SpecFile) -> Iterator[str]:
    """Looks through parameters, their defaults, arguments and environment variables.

    A path is taken for one of the cluster where it lies in a volume that the specification mounts, or in one of the
    launcher's own folders; any other absolute path, and a relative one that exists here, is taken for one of this
    machine.

    Yields:
        A sentence a problem.
    """
    mounts = _mounts(file)
    for place, name, text in _texts(file.spec):
        if _SECRET_VALUE.search(text) or (_SECRET_NAME.search(name) and text):
            yield (
                f"{place}: looks like a secret, which everybody who sees the run could read; put it into a Kubernetes "
                "secret and name that under kubeflow.secrets"
            )
        elif _is_local_path(text, mounts):
            known = ", ".join(sorted(mounts)) or "none"
            yield (
                f"{place}: {text} exists on this machine at most; give a URI, or a path in a mounted volume "
                f"(mounted are: {known}; see kubeflow.volumes)"
            )


def _mounts(file: SpecFile) -> set[str]:
    """The paths that every executor mounts."""
    paths = [
        {mount["mountPath"].rstrip("/") for mount in file.platform.get(name, {}).get("pvcMount", [])}
        for name in file.spec["deploymentSpec"].get("executors", {})
    ]
    return set.intersection(*paths) if paths else set()


def _texts(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every text that a person has set: where it stands, the innermost name, the text."""
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        yield from _within(f"parameter {name}", name, parameter.get("defaultValue"))
    for task, values in spec["root"].get("dag", {}).get("tasks", {}).items():
        for name, source in values.get("inputs", {}).get("parameters", {}).items():
            constant = source.get("runtimeValue", {}).get("constant")
            yield from _within(f"task {task}, parameter {name}", name, constant)
    for label, executor in spec["deploymentSpec"].get("executors", {}).items():
        container = executor.get("container", {})
        for entry in container.get("env", []):
            yield from _within(f"executor {label}, variable {entry['name']}", entry["name"], entry.get("value"))
        words = [word for word in container.get("args", []) if word != "{{$}}"]
        for before, word in zip(["", *words], words, strict=False):
            option = _OPTION.fullmatch(word)
            name, value = option.groups() if option else (before.lstrip("-"), word)
            if name != "json_serialized_inputs_spec_args":  # types, no values
                yield from _within(f"executor {label}, argument --{name}", name, value)


def _within(place: str, name: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """The texts in a value, also where it is JSON as text."""
    if isinstance(value, str):
        if value.lstrip().startswith(("{", "[", '"')):
            try:
                inner = json.loads(value)
            except ValueError:
                inner = None
            if inner is not None and inner != value:
                yield from _within(place, name, inner)
                return
        yield place, name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _within(f"{place}, {key}", str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(place, name, inner)


def _is_local_path(text: str, mounts: set[str]) -> bool:
    if _ABSOLUTE.fullmatch(text):
        path = text.removeprefix("file://")
        on_cluster = (*mounts, *(f"/{folder}" for folder in MOUNTS.values()))
        return text != path or not any(path == mount or path.startswith(f"{mount}/") for mount in on_cluster)
    if text.startswith(("~/", "./", "../")):
        return True
    return bool(_WITH_FOLDER.fullmatch(text)) and Path(text).exists()
