"""Selects the model to publish."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from etils import epath
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.candidates import candidate_models
from components.model_selector.selection import select
from components.segmentation_evaluator.executor import EVALUATION_FILE

EVALUATION_KEY = "evaluation"
METRIC_KEY = "metric"
REPLACE_INCOMPARABLE_KEY = "replace_incomparable"
MIN_IMPROVEMENT_KEY = "min_improvement"
CODE_FINGERPRINT_KEY = "code_fingerprint"
MODEL_KEY = "model"
BLESSING_KEY = "blessing"
SELECTION_FILE = "selection.json"


class Executor(base_executor.BaseExecutor):
    """Picks the best candidate and blesses it if it beats the model in service."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Selects.

        Args:
            input_dict:
                evaluation: ModelEvaluation of SegmentationEvaluator.
                model_<candidate>: Model, one a candidate.
            output_dict:
                model: Model, a copy of the best candidate.
                blessing: ModelBlessing as TFX's Pusher understands it, and `selection.json` with the reason.
            exec_properties:
                metric: the figure to compare.
                min_improvement: by how much the best candidate must exceed the model in service.
                replace_incomparable: 1 to publish over a model in service that can't be compared with.
                code_fingerprint: for TFX's cache; not read.
        """
        evaluation_folder = epath.Path(artifact_utils.get_single_instance(input_dict[EVALUATION_KEY]).uri)
        evaluation = json.loads((evaluation_folder / EVALUATION_FILE).read_text())
        selection = select(
            evaluation,
            exec_properties[METRIC_KEY],
            exec_properties[MIN_IMPROVEMENT_KEY],
            replace_incomparable=bool(exec_properties[REPLACE_INCOMPARABLE_KEY]),
        )

        best = candidate_models(input_dict)[selection.selected]
        model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
        io_utils.copy_dir(path_utils.serving_model_dir(best.uri), path_utils.serving_model_dir(model.uri))

        blessing = artifact_utils.get_single_instance(output_dict[BLESSING_KEY])
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BLESSED_KEY,
            constants.BLESSED_VALUE if selection.publish else constants.NOT_BLESSED_VALUE,
        )
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, best.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, best.id)
        folder = epath.Path(blessing.uri)
        folder.mkdir(parents=True, exist_ok=True)
        marker = constants.BLESSED_FILE_NAME if selection.publish else constants.NOT_BLESSED_FILE_NAME
        (folder / marker).touch()
        (folder / SELECTION_FILE).write_text(json.dumps(dataclasses.asdict(selection), indent=2))
