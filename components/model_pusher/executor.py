"""Publishes the blessed model."""

from __future__ import annotations

import logging
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_pusher
from tfx.types import artifact_utils, standard_component_specs

from components.artifacts.local_copies import with_local_copies
from components.model_pusher.publishing import publish, withdrawn_twin
from tfds_voc_seg.storage import copy_folder

SERVING_FOLDER_KEY = "serving_folder"
KEEP_VERSIONS_KEY = "keep_versions"
NOT_PUSHED_REASON_PROPERTY = "not_pushed_reason"


class Executor(tfx_pusher.Executor):
    """TFX's Pusher with another way of copying.

    TFX's own copies file by file into the numbered folder, which TensorFlow Serving loads as soon as it is there,
    `saved_model.pb` or not; and of two pushes in one second it leaves the second one out, yet marks it as pushed.
    """

    @with_local_copies
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the model if it is blessed and was not taken out of service by a rollback.

        Args:
            input_dict:
                model: Model to publish.
                model_blessing: ModelBlessing.
            output_dict:
                pushed_model: PushedModel with a copy of the model and the custom properties `pushed` (0 or 1), with 1
                    `pushed_destination` and `pushed_version`, and with 0 `not_pushed_reason` where the model is
                    blessed all the same.
            exec_properties:
                serving_folder: the folder of versions that TensorFlow Serving polls.
                keep_versions: how many versions stay; without it, all.
        """
        pushed_model = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        folder = exec_properties[SERVING_FOLDER_KEY]
        model = self.GetModelPath(input_dict)
        withdrawn = withdrawn_twin(model, folder)
        if withdrawn is not None:
            self._MarkNotPushed(pushed_model)
            reason = (
                f"a rollback took this very model out of service as version {withdrawn}; "
                f"`vocseg rollback OUTPUT --to {withdrawn}` puts it back"
            )
            pushed_model.set_string_custom_property(NOT_PUSHED_REASON_PROPERTY, reason)
            logging.warning("Not pushed: %s", reason)
            return
        copy_folder(model, pushed_model.uri)  # first: once it is published, nothing is left that may fail
        version = publish(model, folder, keep_versions=exec_properties.get(KEEP_VERSIONS_KEY))
        self._MarkPushed(pushed_model, pushed_destination=str(version), pushed_version=version.name)
