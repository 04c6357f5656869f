"""Runs the smoke test of each candidate's SavedModel."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts.candidates import candidate_models
from components.artifacts.json_files import write_json
from components.artifacts.local_copies import with_local_copies
from components.artifacts.manifests import with_manifests
from components.artifacts.records import read_records
from components.model_smoke_test.process import smoke_test
from components.model_smoke_test.request_files import write_requests
from components.model_smoke_test.smoke_test_config import SmokeTestConfig
from components.progress import Progress, report
from components.run_files import SMOKE_TEST_FILE
from components.saved_model.model_digest import model_digest

if TYPE_CHECKING:
    from tfx import types

EXAMPLES_KEY = "examples"
SMOKE_TEST_CONFIG_KEY = "smoke_test_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
SMOKE_TEST_KEY = "smoke_test"


class Executor(base_executor.BaseExecutor):
    """Tests the candidates one after the other, each in its own process."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Tests the models. A failed test does not stop the pipeline; ModelSelector then refuses the candidate.

        Args:
            input_dict:
                examples: Examples of the record contract, with the split val.
                model_<candidate>: Model, one input per candidate.
            output_dict:
                smoke_test: ModelEvaluation with `smoke_test.json`, whose key `candidates` maps each candidate to the
                    result of `process.smoke_test` and its `model_digest` (key `digest`).
            exec_properties:
                smoke_test_config: JSON of `SmokeTestConfig`.
                code_fingerprint: only for TFX's cache key; not read.
        """
        config = SmokeTestConfig.model_validate_json(exec_properties[SMOKE_TEST_CONFIG_KEY])
        records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
        models = candidate_models(input_dict)
        results = {}
        with tempfile.TemporaryDirectory() as scratch:
            requests = Path(scratch)
            write_requests(records, config.records, requests)
            for done, (name, model) in enumerate(models.items()):
                report(Progress(f"smoke test of {name}", done, len(models)))
                folder = path_utils.serving_model_dir(model.uri)
                digest = model_digest(folder)  # before the test: a model that changes during it is not published
                results[name] = {**smoke_test(folder, requests, config), "digest": digest}
                for problem in results[name]["problems"]:
                    logging.warning("Smoke test of %s: %s", name, problem)
        write_json(output_dict[SMOKE_TEST_KEY], SMOKE_TEST_FILE, {"candidates": results})
