"""Writes the schema from the execution parameters to a Schema artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etils import epath
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifacts.manifests import with_manifests
from components.run_files import SCHEMA_FILE

if TYPE_CHECKING:
    from tfx import types

SCHEMA_TEXT_KEY = "schema_text"
CODE_FINGERPRINT_KEY = "code_fingerprint"
SCHEMA_KEY = "schema"


class Executor(base_executor.BaseExecutor):
    """Writes the schema to the file that TFX's own components read."""

    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the schema.

        Args:
            input_dict: empty.
            output_dict:
                schema: Schema that contains only `schema.pbtxt`.
            exec_properties:
                schema_text: the schema in protobuf's text format.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            google.protobuf.text_format.ParseError: `schema_text` is not a valid Schema.
        """
        del input_dict  # TFX passes it to every executor; this component has no inputs
        schema = text_format.Parse(exec_properties[SCHEMA_TEXT_KEY], schema_pb2.Schema())
        folder = epath.Path(artifact_utils.get_single_uri(output_dict[SCHEMA_KEY]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCHEMA_FILE).write_text(text_format.MessageToString(schema))
