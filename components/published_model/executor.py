"""Reads the model in service."""

from __future__ import annotations

import logging
from typing import Any

from etils import epath
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.candidates import IN_SERVICE_PROPERTY
from components.saved_model.serving_folder import latest_version
from tfds_voc_seg.storage import copy_folder

SERVING_FOLDER_KEY = "serving_folder"
SERVING_STATE_KEY = "serving_state"
CODE_FINGERPRINT_KEY = "code_fingerprint"
MODEL_KEY = "model"
VERSION_PROPERTY = "version"


class Executor(base_executor.BaseExecutor):
    """Copies the model in service, so that it can still be compared with after it was replaced."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the publishing folder.

        Args:
            input_dict: empty.
            output_dict:
                model: Model with the custom properties `in_service` (0 or 1) and, with 1, `version`.
            exec_properties:
                serving_folder: the folder that the Pusher publishes to.
                serving_state, code_fingerprint: for TFX's cache; not read.
        """
        model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
        latest = latest_version(exec_properties[SERVING_FOLDER_KEY])
        model.set_int_custom_property(IN_SERVICE_PROPERTY, int(latest is not None))
        epath.Path(model.uri).mkdir(parents=True, exist_ok=True)
        if latest is None:
            logging.info("No model is in service in %s.", exec_properties[SERVING_FOLDER_KEY])
            return
        model.set_string_custom_property(VERSION_PROPERTY, latest.name)
        copy_folder(latest, path_utils.serving_model_dir(model.uri))
