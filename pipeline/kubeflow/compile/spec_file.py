"""A compiled specification on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml


class SpecError(ValueError):
    """A file that is no specification; the message says which and why."""


@dataclasses.dataclass(frozen=True)
class SpecFile:
    """The documents of a specification.

    Attributes:
        spec: the PipelineSpec as plain values.
        platform: what stands under `platforms.kubernetes.deploymentSpec.executors`; empty without a second document.
        is_job: whether the file is a pipeline job for Vertex AI, which holds the PipelineSpec.
    """

    spec: dict[str, Any]
    platform: dict[str, Any]
    is_job: bool = False


def read_spec(file: str | Path) -> SpecFile:
    """Reads a YAML specification or a JSON pipeline job.

    Raises:
        SpecError: the file can't be read, or is neither.
    """
    try:
        documents = [document for document in yaml.safe_load_all(Path(file).read_text()) if document is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: can't be read ({error})") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error
    if not documents or not isinstance(documents[0], dict):
        raise SpecError(f"{file}: holds no pipeline specification; `vocseg kubeflow compile` writes one")
    job = isinstance(documents[0].get("pipelineSpec"), dict)
    spec = documents[0]["pipelineSpec"] if job else documents[0]
    if not ("root" in spec and "deploymentSpec" in spec):
        raise SpecError(f"{file}: holds no pipeline specification; `vocseg kubeflow compile` writes one")
    platforms = documents[1].get("platforms", {}) if len(documents) > 1 and isinstance(documents[1], dict) else {}
    executors = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    return SpecFile(spec, executors, job)
