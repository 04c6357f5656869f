"""`vocseg lineage`: where a published model comes from, as ML Metadata has it, artifact by artifact to the devkit."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from pipeline.metadata.runs import Node, RunNotFoundError, moment, open_store, producer, property_value

PUSHED_MODEL_TYPE = "PushedModel"
_INTERNAL = ("is_external", "tfx_version", "payload_format")
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_HIDDEN_PARAMETERS = ("schema_text", "stats_options_json", "exclude_splits", "state_folder")
"""Long, and of no help in telling one model from another."""
DEVKIT, DEVKIT_FINGERPRINT = "devkit", "devkit_fingerprint"
"""Parameters of the node that reads the devkit, which is no artifact of ML Metadata: it ends the line all the same."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """An artifact, the node that made it, and what that was made from.

    Attributes:
        artifact: its type, or `VOC devkit`.
        role: the key of the input that it is to what stands above it.
        uri: where it is.
        made: when; `None` for the devkit.
        properties: its own.
        node: the node that made it; `None` where none is on record.
        parameters: that node's; JSON among them is read.
        inputs: the artifacts that it was made from.
        told: it stands further above too, with its parameters and inputs, which are left out here.
    """

    artifact: str
    role: str
    uri: str
    made: datetime.datetime | None
    properties: dict[str, Any]
    node: str | None
    parameters: dict[str, Any]
    inputs: tuple[Origin, ...]
    told: bool = False

    def as_json(self) -> dict[str, Any]:
        """The tree as JSON values."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        made = self.made.isoformat() if self.made else None
        return {**values, "made": made, "inputs": [origin.as_json() for origin in self.inputs]}


def lineage(output: Path, model: str | None = None) -> Origin:
    """Looks up where a published model comes from.

    Args:
        output: what `vocseg run` wrote to.
        model: the version's number or its folder; the latest published by default.

    Raises:
        RunNotFoundError: the folder holds no metadata, or no such model was published.
    """
    store = open_store(output)
    return _origin(store, _pushed_model(store, output, model), "", set())


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


def _origin(store: MetadataStore, artifact: metadata_store_pb2.Artifact, role: str, told: set[int]) -> Origin:
    node = producer(store, artifact)
    seen = artifact.id in told
    told.add(artifact.id)
    parameters = _parameters(node) if node and not seen else {}
    inputs = [_origin(store, found, key, told) for key, found in _inputs(node)] if node and not seen else []
    if DEVKIT_FINGERPRINT in parameters:  # of VocExampleGen alone: the evaluator names the devkit too
        inputs.append(_devkit(parameters.pop(DEVKIT), parameters.pop(DEVKIT_FINGERPRINT)))
    return Origin(
        artifact=artifact.type,
        role=role,
        uri=artifact.uri,
        made=moment(artifact.create_time_since_epoch),
        properties={name: value for name, value in _properties(artifact).items() if name not in _INTERNAL},
        node=node.id if node else None,
        parameters=parameters,
        inputs=tuple(inputs),
        told=seen,
    )


def _devkit(folder: str, fingerprint: str | None) -> Origin:
    properties = {"fingerprint": fingerprint} if fingerprint else {}
    return Origin("VOC devkit", DEVKIT, folder, None, properties, None, {}, ())


def _inputs(node: Node) -> list[tuple[str, metadata_store_pb2.Artifact]]:
    """A node's inputs, models first; where a blessing names the one model that was chosen, that one alone of them."""
    pairs = [(key, artifact) for key, artifacts in node.inputs.items() for artifact in artifacts]
    blessing = next((artifact for artifact in node.outputs.values() if artifact.type == "ModelBlessing"), None)
    chosen = _properties(blessing).get("current_model_id") if blessing else None
    if chosen is not None:
        pairs = [(key, artifact) for key, artifact in pairs if artifact.type != "Model" or artifact.id == chosen]
    return sorted(pairs, key=lambda pair: (pair[1].type != "Model", pair[0]))


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    values = {name: property_value(value) for name, value in sorted(artifact.custom_properties.items())}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def _parameters(node: Node) -> dict[str, Any]:
    shown = {}
    for name, value in sorted(node.parameters.items()):
        if name in _HIDDEN_PARAMETERS or value in ("", "null"):
            continue
        is_json = isinstance(value, str) and value[:1] in ("{", "[")
        shown[name] = json.loads(value) if is_json else value
    return shown


def lineage_tree(origin: Origin) -> Tree:
    """The lineage for a terminal: what an artifact was made from stands below it."""
    tree = Tree(_described(origin), guide_style="dim")
    _add_inputs(tree, origin)
    return tree


def _add_inputs(branch: Tree, origin: Origin) -> None:
    for source in origin.inputs:
        _add_inputs(branch.add(_described(source)), source)


def _described(origin: Origin) -> Group:
    heading = Text(origin.artifact, "bold")
    if origin.role and origin.role not in (DEVKIT, origin.artifact.lower()):
        heading.append(f" ({origin.role})", "not bold")
    if origin.made:
        heading.append(f"  {origin.made:%Y-%m-%d %H:%M}", "not bold")
    if origin.node:
        heading.append(f"  by {origin.node}", "not bold cyan")
    if origin.told:
        heading.append("  told above", "not bold dim")
        return Group(heading)
    shown = {name: _in_words(value) for name, value in (origin.properties | origin.parameters).items()}
    lines = [Text(f"{name}: {_HASH.sub(_shortened, value)}") for name, value in shown.items() if value]
    return Group(heading, Text(origin.uri, "dim", overflow="fold"), *lines)


def _shortened(fingerprint: re.Match[str]) -> str:
    return f"{fingerprint[0][:16]}…"


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(inner)}" for key, inner in value.items() if inner not in (None, {}, []))
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    return str(value)
