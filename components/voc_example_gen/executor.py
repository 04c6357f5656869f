"""Converts a VOC devkit to an Examples artifact."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds
from etils import epath
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.artifacts.local_copies import with_local_copies
from components.artifacts.manifests import with_manifests
from components.artifacts.records import write_description
from components.progress import Progress, report
from tfds_voc_seg.conversion.outcome import finish_conversion
from tfds_voc_seg.conversion.progress import report_progress
from tfds_voc_seg.conversion.shards import plan_shards
from tfds_voc_seg.conversion.write_shards import WriteShards
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.label_sets import check_labels
from tfds_voc_seg.devkit.splits import read_training_splits
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

if TYPE_CHECKING:
    from tfx import types

DEVKIT_KEY = "devkit"
RECORD_CONFIG_KEY = "record_config"
CONVERSION_KEY = "conversion"
TRAIN_MASKS_KEY = "train_masks"
DEVKIT_FINGERPRINT_KEY = "devkit_fingerprint"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EXAMPLES_KEY = "examples"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Converts the splits of a devkit: train, val and, if it has one, test."""

    @with_local_copies
    @with_manifests
    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Converts the devkit.

        Args:
            input_dict: empty.
            output_dict:
                examples: Examples with one folder per split, `features.json`, `record_config.json` and, if any pair is
                    invalid, `rejects.jsonl`.
            exec_properties:
                devkit: the folder that contains `JPEGImages`.
                record_config: JSON of `RecordConfig`.
                conversion: JSON of `ConversionConfig`.
                train_masks: which masks the train split uses, see `devkit.splits.read_training_splits`.
                devkit_fingerprint: only for TFX's cache key; not read.
                code_fingerprint: only for TFX's cache key; not read.

        Raises:
            DevkitError: the devkit or one of its pairs is invalid, or the devkit describes other classes.
            ConversionError: the written files do not contain the expected records.
        """
        del input_dict  # TFX passes it to every executor; this component has no inputs
        record_config = RecordConfig(**json.loads(exec_properties[RECORD_CONFIG_KEY]))
        config = ConversionConfig(**json.loads(exec_properties[CONVERSION_KEY]))
        devkit = find_devkit(exec_properties[DEVKIT_KEY])
        check_labels(devkit, record_config.labels)
        listings = read_training_splits(devkit, exec_properties[TRAIN_MASKS_KEY])
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list(listings))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)

        shards = {}
        for split, listing in listings.items():
            folder = epath.Path(artifact_utils.get_split_uri([examples], split))
            folder.mkdir(parents=True, exist_ok=True)
            template = tfds.core.ShardedFileTemplate(
                folder, dataset_name="voc_seg", split=split, filetype_suffix="tfrecord"
            )
            shards[split] = plan_shards(listing.pairs, template, config)
        all_shards = [shard for split_shards in shards.values() for shard in split_shards]

        def on_progress(done: int, total: int) -> None:
            report(Progress("converting pairs", done, total))

        with report_progress(all_shards, on_progress), self._make_beam_pipeline() as pipeline:
            _ = pipeline | WriteShards(all_shards, record_config)
        finish_conversion(listings, shards, examples.uri, config)
        write_description(examples, record_config)
