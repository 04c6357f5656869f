"""Publishes the blessed model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from etils import epath
from tfx.components.pusher import executor as tfx_pusher
from tfx.types import artifact_utils, standard_component_specs

from components.artifacts.candidates import COMPARED_WITH_PROPERTY, MODEL_DIGEST_PROPERTY
from components.artifacts.local_copies import original_uri, with_local_copies
from components.artifacts.manifests import with_manifests
from components.model_pusher.publishing import Condition, OutdatedComparisonError, publish, withdrawn_version_of
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from tfx import types

SERVING_FOLDER_KEY = "serving_folder"
KEEP_VERSIONS_KEY = "keep_versions"
NOT_PUSHED_REASON_PROPERTY = "not_pushed_reason"
OUTDATED_PROPERTY = "outdated"


class Executor(tfx_pusher.Executor):
    """TFX's Pusher with a different way of copying.

    TFX's own Pusher copies file by file into the numbered folder. TensorFlow Serving loads this folder as soon as it
    exists, even if `saved_model.pb` is still missing. In addition, if two pushes happen within one second, TFX's Pusher
    skips the second one but marks it as pushed.
    """

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the model if it is blessed, was not rolled back, and the model in service is still the same.

        Args:
            input_dict:
                model: Model to publish.
                model_blessing: ModelBlessing.
            output_dict:
                pushed_model: PushedModel with the custom property `pushed`. If it is 1, the artifact contains a copy of
                    the model and has the custom properties `pushed_destination` and `pushed_version`. If it is 0
                    although the model is blessed, the custom property `not_pushed_reason` says why, and `outdated` is
                    1 if the model must be compared with another model in service.
            exec_properties:
                serving_folder: the folder of versions that TensorFlow Serving polls.
                keep_versions: optional, the number of newest versions to keep; without it, all are kept.

        Raises:
            ModelFilesError: the model has changed since its smoke test, or cannot be published.
        """
        pushed_model = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        folder = exec_properties[SERVING_FOLDER_KEY]
        model = self.GetModelPath(input_dict)
        withdrawn = withdrawn_version_of(model, folder)
        if withdrawn is not None:
            reason = (
                f"a rollback took this same model out of service as version {withdrawn}; "
                f"to put it back into service, run `vocseg rollback OUTPUT --to {withdrawn}`"
            )
            self._refuse(pushed_model, reason)
            return
        copy_folder(model, pushed_model.uri)  # before publishing, so that no step after publishing can fail
        blessing = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_BLESSING_KEY])
        digest = blessing.get_string_custom_property(MODEL_DIGEST_PROPERTY)
        try:
            version = publish(
                model,
                folder,
                keep_versions=exec_properties.get(KEEP_VERSIONS_KEY),
                condition=Condition(digest, blessing.get_string_custom_property(COMPARED_WITH_PROPERTY)),
                publication={"pushed_model": original_uri(pushed_model.uri), MODEL_DIGEST_PROPERTY: digest},
            )
        except OutdatedComparisonError as error:
            epath.Path(pushed_model.uri).rmtree()
            self._refuse(pushed_model, str(error))
            pushed_model.set_int_custom_property(OUTDATED_PROPERTY, 1)
            return
        self._MarkPushed(pushed_model, pushed_destination=str(version), pushed_version=version.name)

    def _refuse(self, pushed_model: types.Artifact, reason: str) -> None:
        self._MarkNotPushed(pushed_model)
        pushed_model.set_string_custom_property(NOT_PUSHED_REASON_PROPERTY, reason)
        logging.warning("Not pushed: %s", reason)
