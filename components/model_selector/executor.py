"""Selects the model to publish."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from etils import epath
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.candidates import COMPARED_WITH_PROPERTY, MODEL_DIGEST_PROPERTY, candidate_models
from components.artifacts.json_files import read_json, write_json
from components.artifacts.manifests import with_manifests
from components.model_selector.model_card import model_card
from components.model_selector.selection import select
from components.model_selector.selection_config import SelectionConfig
from components.run_files import EVALUATION_FILE, MODEL_CARD_FILE, SELECTION_FILE, SMOKE_TEST_FILE
from components.saved_model.description import read_description
from components.saved_model.model_digest import ModelFilesError, model_digest
from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from tfx import types

EVALUATION_KEY = "evaluation"
SMOKE_TEST_KEY = "smoke_test"
SELECTION_CONFIG_KEY = "selection_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
MODEL_KEY = "model"
BLESSING_KEY = "blessing"


class Executor(base_executor.BaseExecutor):
    """Selects the best candidate that may be published, and blesses it if it beats the model in service."""

    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Selects a candidate, copies its model and writes the blessing.

        Args:
            input_dict:
                evaluation: ModelEvaluation of SegmentationEvaluator.
                smoke_test: ModelEvaluation of ModelSmokeTest.
                model_<candidate>: Model, one input per candidate.
            output_dict:
                model: Model, a copy of the best candidate with its model card; empty if no candidate has a value of
                    the metric.
                blessing: ModelBlessing with the properties and files that TFX's Pusher and LatestBlessedModelStrategy
                    expect, and with `selection.json`, which contains the reasons. Its custom properties `model_digest`
                    and `compared_with` tell the Pusher which model was tested, and which was in service.
            exec_properties:
                selection_config: JSON of `SelectionConfig`.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            ModelFilesError: the selected model has changed since its smoke test.
        """
        evaluation = read_json(input_dict[EVALUATION_KEY], EVALUATION_FILE)
        smoke_test = read_json(input_dict[SMOKE_TEST_KEY], SMOKE_TEST_FILE)
        config = SelectionConfig.model_validate_json(exec_properties[SELECTION_CONFIG_KEY])
        selection = select(evaluation, smoke_test, config)
        model = artifact_utils.get_single_instance(output_dict[MODEL_KEY])
        best = None
        if selection.selected is None:
            epath.Path(model.uri).mkdir(parents=True, exist_ok=True)
        else:
            best = candidate_models(input_dict)[selection.selected]
            source, folder = path_utils.serving_model_dir(best.uri), path_utils.serving_model_dir(model.uri)
            copy_folder(source, folder)
            if model_digest(folder) != smoke_test["candidates"][selection.selected]["digest"]:
                raise ModelFilesError(f"{source} has changed since its smoke test; run the same command again")
            card = epath.Path(folder) / MODEL_CARD_FILE
            card.parent.mkdir(parents=True, exist_ok=True)
            card.write_text(model_card(selection.selected, evaluation, read_description(source), smoke_test))
        write_json(output_dict[BLESSING_KEY], SELECTION_FILE, dataclasses.asdict(selection))
        blessing = artifact_utils.get_single_instance(output_dict[BLESSING_KEY])
        _write_blessing(blessing, best, selection.publish)
        if selection.selected is not None:
            blessing.set_string_custom_property(
                MODEL_DIGEST_PROPERTY, smoke_test["candidates"][selection.selected]["digest"]
            )
        blessing.set_string_custom_property(COMPARED_WITH_PROPERTY, evaluation["in_service_digest"])


def _write_blessing(blessing: types.Artifact, best: types.Artifact | None, publish: bool) -> None:
    """Writes the marker file and the properties that TFX's Evaluator sets; they name the trainer's Model."""
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if publish else constants.NOT_BLESSED_VALUE,
    )
    if best is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, best.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, best.id)
    marker = constants.BLESSED_FILE_NAME if publish else constants.NOT_BLESSED_FILE_NAME
    (epath.Path(blessing.uri) / marker).touch()
