"""Measures the candidates and the model in service on the same pixels."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf
from etils import epath
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.candidates import BASELINE_MODEL, candidate_models, model_in_service
from components.record_artifacts import VAL_SPLIT, Records, read_records
from components.segmentation_evaluator.evaluation import evaluate, read_evaluations
from components.segmentation_trainer.model_description import ModelDescription, read_description

EXAMPLES_KEY = "examples"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EVALUATION_KEY = "evaluation"
EVALUATION_FILE = "evaluation.json"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Evaluates all models in one pass over the val split."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates the models.

        Args:
            input_dict:
                examples: Examples of the record contract, with the split val.
                model_<candidate>: Model, one a candidate.
                baseline: Model in service, as PublishedModel gives it.
            output_dict:
                evaluation: ModelEvaluation: TFMA's own files, and `evaluation.json` with `candidates` (name → metrics,
                    parameters, train_seconds), `baseline` (the same or null) and `baseline_problem` (text or null).
            exec_properties:
                code_fingerprint: for TFX's cache; not read.

        Raises:
            ValueError: a candidate's SavedModel is not one of this project.
        """
        records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
        output = epath.Path(artifact_utils.get_single_instance(output_dict[EVALUATION_KEY]).uri)
        models = {name: path_utils.serving_model_dir(model.uri) for name, model in candidate_models(input_dict).items()}
        descriptions = {name: read_description(folder) for name, folder in models.items()}
        candidates = list(models)

        in_service = model_in_service(input_dict)
        baseline_problem = None
        if in_service is not None:
            folder = path_utils.serving_model_dir(in_service.uri)
            baseline_problem = _why_not_comparable(folder, records)
            if baseline_problem is None:
                models[BASELINE_MODEL] = folder
                descriptions[BASELINE_MODEL] = read_description(folder)

        with self._make_beam_pipeline() as pipeline:
            evaluate(pipeline, records.files[VAL_SPLIT], models, records.class_names, records.image_size, output)
        metrics = {
            name: {**evaluation.as_json(), **_figures(descriptions[name])}
            for name, evaluation in read_evaluations(output, records.class_names).items()
        }
        result = {
            "split": VAL_SPLIT,
            "class_names": records.class_names,
            "candidates": {name: metrics[name] for name in candidates},
            "baseline": metrics.get(BASELINE_MODEL),
            "baseline_problem": baseline_problem,
        }
        (output / EVALUATION_FILE).write_text(json.dumps(result, indent=2))


def _figures(description: ModelDescription) -> dict[str, Any]:
    return {
        "network": description.network,
        "parameters": description.parameters,
        "train_seconds": description.train_seconds,
    }


def _why_not_comparable(folder: str, records: Records) -> str | None:
    try:
        description = read_description(folder)
        tf.saved_model.load(folder)
    except (ValueError, OSError, tf.errors.OpError) as error:
        return f"the model in service can't be loaded ({error}): not compared"
    if description.class_names != records.class_names:
        return (
            f"the model in service has the classes {', '.join(description.class_names)}, "
            f"the records have {', '.join(records.class_names)}: not compared"
        )
    return None
