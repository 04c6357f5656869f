"""Exports the blessed model as targets."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from etils import epath
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.json_files import write_json
from components.artifacts.local_copies import with_local_copies
from components.artifacts.manifests import with_manifests
from components.artifacts.records import read_records
from components.run_files import TARGETS_FILE
from components.target_exporter.targets_config import TargetsConfig
from components.targets.gate import export_and_score
from components.targets.names import PUBLISHED_TARGETS_FOLDER
from components.targets.network import available_cores
from components.targets.representative import REPRESENTATIVE_IMAGES, representative_images
from tfds_voc_seg.records.files import TRAIN_SPLIT
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tfx import types

    from tfds_voc_seg.records.files import Records

EXAMPLES_KEY = "examples"
SELECTED_MODEL_KEY = "selected_model"
BLESSING_KEY = "model_blessing"
TARGETS_CONFIG_KEY = "targets_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
MODEL_KEY = "model"


class Executor(base_executor.BaseExecutor):
    """Exports the blessed model, measures each target on the same pixels, and keeps those that lose little."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Exports the model.

        Args:
            input_dict:
                examples: Examples of the record contract. The int8 target is calibrated on the train split; all
                    targets are measured on the split that models are compared by.
                selected_model: Model of ModelSelector.
                model_blessing: ModelBlessing; without a blessing nothing is exported.
            output_dict:
                model: Model, a copy of the selected one with the targets that may be published in
                    `assets.extra/targets`; without a blessing there is no model. `targets.json`, in the artifact's
                    folder and beside the targets, has what `components.targets.gate.export_and_score` returns.
            exec_properties:
                targets_config: JSON of `TargetsConfig`.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            ModuleNotFoundError: a converter or a runtime is not installed.
        """
        config = TargetsConfig.model_validate_json(exec_properties[TARGETS_CONFIG_KEY])
        folder = epath.Path(path_utils.serving_model_dir(artifact_utils.get_single_uri(output_dict[MODEL_KEY])))
        blessing = artifact_utils.get_single_instance(input_dict[BLESSING_KEY])
        blessed = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == constants.BLESSED_VALUE
        if blessed:
            source = artifact_utils.get_single_uri(input_dict[SELECTED_MODEL_KEY])
            copy_folder(path_utils.serving_model_dir(source), folder)
            records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
            images = _representative(records) if "litert_int8" in config.targets else []
            result = export_and_score(
                folder, config.targets, records, images, config.max_target_loss, available_cores()
            )
            (folder / PUBLISHED_TARGETS_FOLDER / TARGETS_FILE).write_text(json.dumps(result, indent=2))
        else:
            result = {"not_exported": "no model is published, so none is exported", "targets": {}}
        write_json(output_dict[MODEL_KEY], TARGETS_FILE, result)


def _representative(records: Records) -> list[NDArray[np.uint8]]:
    train = tf.data.TFRecordDataset(records.files[TRAIN_SPLIT]).as_numpy_iterator()
    return representative_images(itertools.islice(train, REPRESENTATIVE_IMAGES), records.geometry)
