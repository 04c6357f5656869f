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
from tfx.utils import path_utils

from components.artifacts.candidates import candidate_models
from components.model_selector.model_card import model_card
from components.model_selector.selection import Selection, select
from components.model_selector.selection_config import SelectionConfig
from components.run_files import EVALUATION_FILE, MODEL_CARD_FILE, SELECTION_FILE, SMOKE_TEST_FILE
from components.saved_model.description import read_description
from tfds_voc_seg.storage import copy_folder

EVALUATION_KEY = "evaluation"
SMOKE_TEST_KEY = "smoke_test"
SELECTION_CONFIG_KEY = "selection_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
MODEL_KEY = "model"
BLESSING_KEY = "blessing"


class Executor(base_executor.BaseExecutor):
    """Picks the best candidate that may be published and blesses it if it beats the model in service."""

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
                smoke_test: ModelEvaluation of ModelSmokeTest.
                model_<candidate>: Model, one a candidate.
            output_dict:
                model: Model, a copy of the best candidate with its model card; empty where no candidate has a figure.
                blessing: ModelBlessing as TFX's Pusher and LatestBlessedModelStrategy understand it, and
                    `selection.json` with the reasons.
            exec_properties:
                selection_config: JSON of `SelectionConfig`.
                code_fingerprint: for TFX's cache; not read.
        """
        evaluation = _read_json(input_dict[EVALUATION_KEY], EVALUATION_FILE)
        smoke_test = _read_json(input_dict[SMOKE_TEST_KEY], SMOKE_TEST_FILE)
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
            card = epath.Path(folder) / MODEL_CARD_FILE
            card.parent.mkdir(parents=True, exist_ok=True)
            card.write_text(model_card(selection.selected, evaluation, read_description(source), smoke_test))
        _bless(artifact_utils.get_single_instance(output_dict[BLESSING_KEY]), best, selection)


def _bless(blessing: types.Artifact, best: types.Artifact | None, selection: Selection) -> None:
    """Writes the blessing with the properties that TFX's Evaluator gives one: the model is the trainer's own."""
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if selection.publish else constants.NOT_BLESSED_VALUE,
    )
    if best is not None:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, best.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, best.id)
    folder = epath.Path(blessing.uri)
    folder.mkdir(parents=True, exist_ok=True)
    marker = constants.BLESSED_FILE_NAME if selection.publish else constants.NOT_BLESSED_FILE_NAME
    (folder / marker).touch()
    (folder / SELECTION_FILE).write_text(json.dumps(dataclasses.asdict(selection), indent=2))


def _read_json(artifacts: list[types.Artifact], file: str) -> Any:
    return json.loads((epath.Path(artifact_utils.get_single_instance(artifacts).uri) / file).read_text())
