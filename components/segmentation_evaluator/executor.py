"""Measures the candidates and the model in service on the same pixels."""

from __future__ import annotations

import json
from typing import Any

from etils import epath
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.candidates import BASELINE_MODEL, candidate_models, model_in_service
from components.artifacts.local_copies import with_local_copies
from components.artifacts.records import read_records
from components.run_files import EVALUATION_FILE, SMOKE_TEST_FILE
from components.saved_model.signatures import check_model
from components.segmentation_evaluator.evaluation import EvaluationSpec, evaluate
from components.segmentation_evaluator.summary import evaluation_summary
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.files import VAL_SPLIT, Records

EXAMPLES_KEY = "examples"
SMOKE_TEST_KEY = "smoke_test"
DEVKIT_KEY = "devkit"
RECORD_CONFIG_KEY = "record_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EVALUATION_KEY = "evaluation"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Evaluates all models in one pass over the val split."""

    @with_local_copies
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
                smoke_test: ModelEvaluation of ModelSmokeTest; who failed it is not evaluated.
                model_<candidate>: Model, one a candidate.
                baseline: Model in service, as PublishedModel gives it.
            output_dict:
                evaluation: ModelEvaluation: TFMA's own files; `evaluation.json`, see `summary.evaluation_summary`, with
                    the candidates `not_evaluated`, name → why; `images.jsonl` with each image's counts; and pictures of
                    the best, median and worst images under `examples/`.
            exec_properties:
                devkit: the folder with the masks at their own size; empty for figures at the network's size alone.
                record_config: JSON of the `RecordConfig` that the records were made by.
                code_fingerprint: for TFX's cache; not read.

        Raises:
            DevkitError: a mask of the devkit can't be read.
        """
        records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
        output = epath.Path(artifact_utils.get_single_instance(output_dict[EVALUATION_KEY]).uri)
        models, not_evaluated = _sound_candidates(input_dict)
        in_service, baseline_problem = model_in_service(input_dict), None
        if in_service is not None:
            folder = path_utils.serving_model_dir(in_service.uri)
            baseline_problem = _why_not_comparable(folder, records)
            if baseline_problem is None:
                models[BASELINE_MODEL] = folder
        masks, original_size_problem = _original_masks(exec_properties)
        spec = EvaluationSpec(records.files[VAL_SPLIT], models, records.class_names, records.image_size, masks)
        output.mkdir(parents=True, exist_ok=True)
        if models:
            with self._make_beam_pipeline() as pipeline:
                evaluate(pipeline, spec, output)
        result = {
            **evaluation_summary(spec, output, VAL_SPLIT, baseline_problem, original_size_problem),
            "not_evaluated": not_evaluated,
        }
        (output / EVALUATION_FILE).write_text(json.dumps(result, indent=2))


def _sound_candidates(input_dict: dict[str, list[types.Artifact]]) -> tuple[dict[str, str], dict[str, str]]:
    """Tells the candidates that can be evaluated, name → folder, from those that can't, name → why.

    Who crashes or hangs in a process of its own would take this one, and the whole run, with it.
    """
    file = epath.Path(artifact_utils.get_single_instance(input_dict[SMOKE_TEST_KEY]).uri) / SMOKE_TEST_FILE
    tests = json.loads(file.read_text())["candidates"]
    sound, unsound = {}, {}
    for name, model in candidate_models(input_dict).items():
        folder = path_utils.serving_model_dir(model.uri)
        if not tests[name]["passed"]:
            unsound[name] = f"the smoke test failed: {'; '.join(tests[name]['problems'])}"
            continue
        try:
            check_model(folder, load=False)  # the smoke test has loaded it, and loading takes seconds
            sound[name] = folder
        except ValueError as error:
            unsound[name] = f"it can't be evaluated: {error}"
    return sound, unsound


def _original_masks(exec_properties: dict[str, Any]) -> tuple[tuple[str, RecordConfig] | None, str | None]:
    """Where the masks at their own size are, and what the records were made by; or why they can't be had."""
    if not exec_properties[DEVKIT_KEY]:
        return None, "no devkit was named that holds the masks at their own size"
    try:
        devkit = find_devkit(exec_properties[DEVKIT_KEY])
    except DevkitError as error:
        return None, f"the masks at their own size are not to be had: {error}"
    return (str(devkit), RecordConfig(**json.loads(exec_properties[RECORD_CONFIG_KEY]))), None


def _why_not_comparable(folder: str, records: Records) -> str | None:
    try:
        description = check_model(folder)
    except ValueError as error:
        return f"the model in service can't be evaluated ({error}): not compared"
    if description.class_names != records.class_names:
        return (
            f"the model in service has the classes {', '.join(description.class_names)}, "
            f"the records have {', '.join(records.class_names)}: not compared"
        )
    return None
