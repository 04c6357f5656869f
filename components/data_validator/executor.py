"""Validates the data before the training."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from etils import epath
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME as ANOMALIES_FILE
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifacts.local_copies import with_local_copies
from components.artifacts.manifests import with_manifests
from components.artifacts.records import read_records
from components.data_validator import checks
from components.data_validator.data_summary import split_summary
from components.data_validator.findings import DataValidationError, Finding, write_findings
from components.data_validator.validation_config import ValidationConfig
from components.run_files import DATA_SUMMARY_FILE
from tfds_voc_seg.records.files import TRAIN_SPLIT, Records
from tfds_voc_seg.records.pixel_counts import CLASS_PIXELS, VOID_PIXELS, PixelCounts, count_pixels

if TYPE_CHECKING:
    from tfx import types

STATISTICS_KEY = "statistics"
ANOMALIES_KEY = "anomalies"
EXAMPLES_KEY = "examples"
VALIDATION_CONFIG_KEY = "validation_config"
CODE_FINGERPRINT_KEY = "code_fingerprint"
VALIDATION_KEY = "validation"

_COUNTED_FEATURES = {CLASS_PIXELS, VOID_PIXELS, "filename"}


class Executor(base_executor.BaseExecutor):
    """Reports the problems of all splits, and stops the run if configured so."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Validates the splits.

        Args:
            input_dict:
                statistics: ExampleStatistics, computed with the curated schema.
                anomalies: ExampleAnomalies, computed with the same schema.
                examples: Examples of the record contract.
            output_dict:
                validation: ExampleAnomalies with `validation.json`, a list of findings (`split`, `feature` or null,
                    `class` or null, `what`, `severity`) that is empty if the data has no problem; and with
                    `data_summary.json`, which maps each split to the result of `split_summary`.
            exec_properties:
                validation_config: JSON of `ValidationConfig`.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            DataValidationError: the data has a problem and `on_anomaly` is `stop`.
            ValueError: the statistics were computed without the curated schema.
        """
        config = ValidationConfig.model_validate_json(exec_properties[VALIDATION_CONFIG_KEY])
        records = read_records(artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY]))
        statistics = artifact_utils.get_single_instance(input_dict[STATISTICS_KEY])
        anomalies = artifact_utils.get_single_instance(input_dict[ANOMALIES_KEY])
        findings, summary = _validate(records, statistics, anomalies, config)
        validation = artifact_utils.get_single_instance(output_dict[VALIDATION_KEY])
        validation.split_names = artifact_utils.encode_split_names(list(records.files))
        write_findings(validation.uri, findings)
        (epath.Path(validation.uri) / DATA_SUMMARY_FILE).write_text(json.dumps(summary, indent=2) + "\n")
        for finding in findings:
            logging.warning("%s", finding)
        if findings and config.on_anomaly == "stop":
            raise DataValidationError(findings)


def _validate(
    records: Records, statistics: types.Artifact, anomalies: types.Artifact, config: ValidationConfig
) -> tuple[list[Finding], dict[str, Any]]:
    """Returns all findings, and the summary of each split that has images."""
    findings: list[Finding] = []
    protos: dict[str, Any] = {}
    class_images: dict[str, list[int]] = {}
    for split in records.files:
        violations = checks.schema_findings(
            split, _anomalies(anomalies, split), records.class_names, records.geometry.most_pixels
        )
        findings += violations
        if any(finding.feature is None for finding in violations):
            continue  # the split has no images: do not report each class as absent
        protos[split] = stats_artifact_utils.load_statistics(statistics, split).proto().datasets[0]
        class_images[split] = checks.images_by_class(protos[split], len(records.class_names))
        findings += checks.rare_class_findings(
            split, protos[split].num_examples, class_images[split], records.class_names, config
        )
    pixels: dict[str, PixelCounts] = {}
    if not any(finding.feature in _COUNTED_FEATURES for finding in findings):  # invalid features cannot be summed
        pixels = {split: count_pixels(records.files[split], records.channels) for split in class_images}
    for split, counts in pixels.items():
        findings += checks.empty_mask_findings(split, counts, config)
        findings += checks.void_findings(split, counts, config)
    for split in pixels if TRAIN_SPLIT in pixels else ():
        if split != TRAIN_SPLIT:
            compared = {TRAIN_SPLIT: pixels[TRAIN_SPLIT], split: pixels[split]}
            findings += checks.drift_findings(compared, class_images, records.class_names, config)
    summary = {
        split: split_summary(proto, class_images[split], pixels.get(split), records.class_names)
        for split, proto in protos.items()
    }
    return findings, summary


def _anomalies(artifact: types.Artifact, split: str) -> anomalies_pb2.Anomalies:
    file = epath.Path(artifact_utils.get_split_uri([artifact], split)) / ANOMALIES_FILE
    return anomalies_pb2.Anomalies.FromString(file.read_bytes())
