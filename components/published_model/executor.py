"""Copies the model in service to a Model artifact."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from etils import epath
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.candidates import IN_SERVICE_PROPERTY, MODEL_DIGEST_PROPERTY
from components.artifacts.manifests import with_manifests
from components.manifest import ArtifactError
from components.run_files import PUBLICATION_FILE
from components.saved_model.model_digest import model_digest, refuse_links
from components.saved_model.serving_folder import latest_version
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from tfx import types

SERVING_FOLDER_KEY = "serving_folder"
SERVING_STATE_KEY = "serving_state"
CODE_FINGERPRINT_KEY = "code_fingerprint"
MODEL_KEY = "model"
VERSION_PROPERTY = "version"


class Executor(base_executor.BaseExecutor):
    """Copies the model in service, so that it stays available for comparison after it is replaced."""

    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the highest complete version of the serving folder.

        Args:
            input_dict: empty.
            output_dict:
                model: Model with the custom property `in_service`. It is 1 if a model is in service; the artifact then
                    contains that model, and the custom properties `version` and `model_digest` identify it. It is 0 if
                    not; the artifact is then empty.
            exec_properties:
                serving_folder: the folder that the Pusher publishes to.
                serving_state: only for TFX's cache key; not read.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            ArtifactError: the model in service has changed since it was published.
            ModelFilesError: the model in service contains a symbolic link.
        """
        del input_dict  # TFX passes it to every executor; this component has no inputs
        model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
        latest = latest_version(exec_properties[SERVING_FOLDER_KEY])
        model.set_int_custom_property(IN_SERVICE_PROPERTY, int(latest is not None))
        epath.Path(model.uri).mkdir(parents=True, exist_ok=True)
        if latest is None:
            logging.info("No model is in service in %s.", exec_properties[SERVING_FOLDER_KEY])
            return
        model.set_string_custom_property(VERSION_PROPERTY, latest.name)
        folder = path_utils.serving_model_dir(model.uri)
        refuse_links(latest)
        copy_folder(latest, folder)
        digest = model_digest(folder)
        if digest != (_published_digest(latest) or digest):
            raise ArtifactError(
                f"{latest} is damaged: its files have changed since it was published; restore them from a copy, or "
                "delete that folder to take the version out of service, then run the same command again"
            )
        model.set_string_custom_property(MODEL_DIGEST_PROPERTY, digest)


def _published_digest(version: epath.Path) -> str | None:
    """Returns the digest that a version was published with; `None` if it is unknown, as for a version made by hand."""
    try:
        digest: str = json.loads((version / PUBLICATION_FILE).read_text())[MODEL_DIGEST_PROPERTY]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return digest
