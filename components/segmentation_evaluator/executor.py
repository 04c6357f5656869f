"""Evaluates the candidates and the model in service on the same pixels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from etils import epath
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.candidates import MODEL_DIGEST_PROPERTY, candidate_models, model_in_service
from components.artifacts.json_files import read_json, write_json
from components.artifacts.local_copies import with_local_copies
from components.artifacts.manifests import with_manifests
from components.artifacts.records import read_records
from components.run_files import BASELINE_MODEL, EVALUATION_FILE, SMOKE_TEST_FILE
from components.saved_model.signatures import check_model
from components.segmentation_evaluator.evaluation import EvaluationSpec, evaluate
from components.segmentation_evaluator.segmentation import models_kept
from components.segmentation_evaluator.summary import evaluation_summary
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from tfx import types

    from tfds_voc_seg.records.files import Records

EXAMPLES_KEY = "examples"
SMOKE_TEST_KEY = "smoke_test"
DEVKIT_KEY = "devkit"
RECORD_CONFIG_KEY = "record_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EVALUATION_KEY = "evaluation"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Evaluates all models in one pass over the records' test split; without one, over the val split."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates the models.

        Args:
            input_dict:
                examples: Examples of the record contract, with the split val or test; test, if present, is evaluated.
                smoke_test: ModelEvaluation of ModelSmokeTest; candidates that failed the test are not evaluated.
                model_<candidate>: Model, one input per candidate.
                baseline: Model in service, from PublishedModel.
            output_dict:
                evaluation: ModelEvaluation with TFMA's own files; `evaluation.json`, see `summary.evaluation_summary`,
                    plus the keys `not_evaluated`, candidate → reason, and `in_service_digest`, the `model_digest` of
                    the model in service; `images.jsonl` with the counts of each image; and
                    pictures of the best, median and worst images, and of doubtful masks, in `examples/`.
            exec_properties:
                devkit: the devkit that contains the masks at their original size; if empty, the metrics are computed
                    only at the network's size.
                record_config: JSON of the `RecordConfig` that the records were converted with.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            DevkitError: a mask of the devkit cannot be read.
        """
        records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
        output = epath.Path(artifact_utils.get_single_instance(output_dict[EVALUATION_KEY]).uri)
        models, not_evaluated = _valid_candidates(input_dict)
        in_service, baseline_problem = model_in_service(input_dict), None
        if in_service is not None:
            folder = path_utils.serving_model_dir(in_service.uri)
            digest = in_service.get_string_custom_property(MODEL_DIGEST_PROPERTY)
            baseline_problem = _comparison_problem(folder, records, load=digest not in _tested_digests(input_dict))
            if baseline_problem is None:
                models[BASELINE_MODEL] = folder
        masks, original_size_problem = _original_masks(exec_properties)
        split = records.evaluation_split
        spec = EvaluationSpec(records.files[split], models, records.channels, records.geometry, masks, records.void)
        output.mkdir(parents=True, exist_ok=True)
        with models_kept():
            if models:
                with self._make_beam_pipeline() as pipeline:
                    evaluate(pipeline, spec, output)
            summary = evaluation_summary(spec, output, split, baseline_problem, original_size_problem)
        result = {
            **summary,
            "not_evaluated": not_evaluated,
            "in_service_digest": in_service.get_string_custom_property(MODEL_DIGEST_PROPERTY) if in_service else "",
        }
        write_json(output_dict[EVALUATION_KEY], EVALUATION_FILE, result)


def _valid_candidates(input_dict: dict[str, list[types.Artifact]]) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the candidates that can be evaluated, name → folder, and the others, name → reason.

    A model that failed the smoke test is not loaded, because it could crash or block this process and end the run.
    """
    tests = read_json(input_dict[SMOKE_TEST_KEY], SMOKE_TEST_FILE)["candidates"]
    valid, refused = {}, {}
    for name, model in candidate_models(input_dict).items():
        folder = path_utils.serving_model_dir(model.uri)
        if not tests[name]["passed"]:
            refused[name] = f"the smoke test failed: {'; '.join(tests[name]['problems'])}"
            continue
        try:
            check_model(folder, load=False, trust=True)  # the smoke test has loaded it, which takes seconds
            valid[name] = folder
        except ValueError as error:
            refused[name] = f"the model cannot be evaluated: {error}"
    return valid, refused


def _tested_digests(input_dict: dict[str, list[types.Artifact]]) -> set[str]:
    """Returns the digests of the candidates that the smoke test has loaded and accepted."""
    tests = read_json(input_dict[SMOKE_TEST_KEY], SMOKE_TEST_FILE)["candidates"]
    return {test["digest"] for test in tests.values() if test["passed"]}


def _original_masks(exec_properties: dict[str, Any]) -> tuple[tuple[str, RecordConfig] | None, str | None]:
    """Returns the devkit that contains the original masks with the record configuration, or why it is unavailable."""
    if not exec_properties[DEVKIT_KEY]:
        return None, "no devkit with the original masks is configured"
    try:
        devkit = find_devkit(exec_properties[DEVKIT_KEY])
    except DevkitError as error:
        return None, f"the original masks are not available: {error}"
    return (str(devkit), RecordConfig(**json.loads(exec_properties[RECORD_CONFIG_KEY]))), None


def _comparison_problem(folder: str, records: Records, *, load: bool) -> str | None:
    """Returns why the model in service cannot be compared with the candidates, or `None` if it can.

    Args:
        folder: its SavedModel.
        records: what the models are evaluated on.
        load: also load the model, which takes seconds: not needed if it is one of the candidates.
    """
    try:
        description = check_model(folder, load=load)
    except ValueError as error:
        return f"the model in service cannot be evaluated ({error}), so it is not compared"
    if description.class_names != records.class_names:
        return (
            f"the model in service has the classes {', '.join(description.class_names)}, "
            f"but the records have {', '.join(records.class_names)}, so it is not compared"
        )
    return None
