"""Reads from ML Metadata what a published model was made from, artifact by artifact back to the devkit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.metadata.runs import RunNotFoundError, moment, open_store, producer, property_value

if TYPE_CHECKING:
    import datetime

    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    from pipeline.metadata.runs import RecordedNode

PUSHED_MODEL_TYPE = "PushedModel"
_INTERNAL_PROPERTIES = ("is_external", "tfx_version", "payload_format")
_HIDDEN_PARAMETERS = ("schema_text", "stats_options_json", "exclude_splits", "state_folder")
"""Long parameters that do not help to tell one model from another."""
DEVKIT, DEVKIT_FINGERPRINT = "devkit", "devkit_fingerprint"
"""Parameters of the node that reads the devkit. The devkit is not an artifact of ML Metadata, but ends the lineage."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """An artifact, the node that made it, and the artifacts that it was made from.

    Attributes:
        artifact: the artifact's type, or `VOC devkit`.
        role: the input key under which the node above reads this artifact; empty for the published model.
        uri: where the artifact is.
        made: when it was made; `None` for the devkit.
        properties: the artifact's properties.
        node: the id of the node that made it; `None` if the metadata has none.
        parameters: the node's execution parameters; JSON texts among them are decoded.
        inputs: the artifacts that it was made from.
        shown_above: whether the artifact occurs earlier in the tree, with its parameters and inputs. They are not
            repeated here.
    """

    artifact: str
    role: str
    uri: str
    made: datetime.datetime | None
    properties: dict[str, Any]
    node: str | None
    parameters: dict[str, Any]
    inputs: tuple[Origin, ...]
    shown_above: bool = False

    def as_json(self) -> dict[str, Any]:
        """Returns the tree as JSON values."""
        return {
            "artifact": self.artifact,
            "role": self.role,
            "uri": self.uri,
            "made": self.made.isoformat() if self.made else None,
            "properties": self.properties,
            "node": self.node,
            "parameters": self.parameters,
            "inputs": [origin.as_json() for origin in self.inputs],
            "told": self.shown_above,
        }


def read_lineage(output: Path, model: str | None = None) -> Origin:
    """Reads the lineage of a published model.

    Args:
        output: the output folder of `vocseg run`.
        model: the number or the folder of a version; by default the latest published version.

    Raises:
        RunNotFoundError: the folder has no metadata, or no such model was published.
    """
    store = open_store(output)
    return _origin(store, _pushed_model(store, output, model), role="", seen=set())


def _pushed_model(store: MetadataStore, output: Path, model: str | None) -> metadata_store_pb2.Artifact:
    pushed = {}
    known_types = {artifact_type.name for artifact_type in store.get_artifact_types()}
    if PUSHED_MODEL_TYPE in known_types:
        for artifact in store.get_artifacts_by_type(PUSHED_MODEL_TYPE):
            properties = _properties(artifact)
            if properties.get("pushed"):
                pushed[Path(str(properties.get("pushed_destination"))).name] = artifact
    if not pushed:
        raise RunNotFoundError(f"nothing was published from {output} yet")
    if model is None:
        return max(pushed.values(), key=lambda artifact: artifact.id)
    version = Path(model).name
    if version not in pushed:
        raise RunNotFoundError(f"{model} was not published from {output}; published were {', '.join(pushed)}")
    return pushed[version]


def _origin(store: MetadataStore, artifact: metadata_store_pb2.Artifact, *, role: str, seen: set[int]) -> Origin:
    """Builds the tree below an artifact.

    Args:
        store: the metadata.
        artifact: the artifact.
        role: the input key under which the node above reads it.
        seen: ids of the artifacts that the tree has already; this artifact is added.
    """
    node = producer(store, artifact)
    shown_above = artifact.id in seen
    seen.add(artifact.id)
    parameters: dict[str, Any] = {}
    inputs: list[Origin] = []
    if node and not shown_above:
        parameters = _parameters(node)
        inputs = [_origin(store, found, role=key, seen=seen) for key, found in _inputs(node)]
    if DEVKIT_FINGERPRINT in parameters:  # only VocExampleGen has it; the evaluator too has the parameter devkit
        inputs.append(_devkit(parameters.pop(DEVKIT), parameters.pop(DEVKIT_FINGERPRINT)))
    return Origin(
        artifact=artifact.type,
        role=role,
        uri=artifact.uri,
        made=moment(artifact.create_time_since_epoch),
        properties={name: value for name, value in _properties(artifact).items() if name not in _INTERNAL_PROPERTIES},
        node=node.id if node else None,
        parameters=parameters,
        inputs=tuple(inputs),
        shown_above=shown_above,
    )


def _devkit(folder: str, fingerprint: str | None) -> Origin:
    properties = {"fingerprint": fingerprint} if fingerprint else {}
    return Origin("VOC devkit", DEVKIT, folder, None, properties, None, {}, ())


def _inputs(node: RecordedNode) -> list[tuple[str, metadata_store_pb2.Artifact]]:
    """Returns a node's inputs as pairs of key and artifact, models first.

    If the node's blessing names the selected model, the models that were not selected are omitted.
    """
    pairs = [(key, artifact) for key, artifacts in node.inputs.items() for artifact in artifacts]
    blessing = next((artifact for artifact in node.outputs.values() if artifact.type == "ModelBlessing"), None)
    selected = _properties(blessing).get("current_model_id") if blessing else None
    if selected is not None:
        pairs = [(key, artifact) for key, artifact in pairs if artifact.type != "Model" or artifact.id == selected]
    return sorted(pairs, key=lambda pair: (pair[1].type != "Model", pair[0]))


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    values = {name: property_value(value) for name, value in sorted(artifact.custom_properties.items())}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def _parameters(node: RecordedNode) -> dict[str, Any]:
    shown = {}
    for name, value in sorted(node.parameters.items()):
        if name in _HIDDEN_PARAMETERS or value in ("", "null"):
            continue
        is_json = isinstance(value, str) and value[:1] in ("{", "[")
        shown[name] = json.loads(value) if is_json else value
    return shown
