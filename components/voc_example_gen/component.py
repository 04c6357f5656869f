"""The specification of VocExampleGen."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.voc_example_gen import executor
from tfds_voc_seg.record_config import ConversionConfig

if TYPE_CHECKING:
    from tfx.orchestration.data_types import RuntimeParameter

    from tfds_voc_seg.devkit.splits import TrainMasks
    from tfds_voc_seg.record_config import RecordConfig


class VocExampleGenSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of VocExampleGen."""

    PARAMETERS = {
        executor.DEVKIT_KEY: component_spec.ExecutionParameter(type=str),
        executor.RECORD_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.CONVERSION_KEY: component_spec.ExecutionParameter(type=str),
        executor.TRAIN_MASKS_KEY: component_spec.ExecutionParameter(type=str),
        executor.DEVKIT_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
        executor.CODE_FINGERPRINT_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class VocExampleGen(base_beam_component.BaseBeamComponent):
    """Converts a VOC devkit to sharded one-hot records.

    The splits are those of the devkit: train, val and, if it has one, test. SBD's masks can enlarge train.
    """

    SPEC_CLASS = VocExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        devkit: str | RuntimeParameter,
        record_config: RecordConfig,
        *,
        conversion_config: ConversionConfig | None = None,
        train_masks: TrainMasks = "voc",
        devkit_fingerprint: str = "",
        code_fingerprint: str = "",
    ):
        """Creates the component.

        Args:
            devkit: the folder that contains `JPEGImages`, usually VOCdevkit/VOC2012.
            record_config: the content of a record.
            conversion_config: how pairs are distributed over shards, and what happens to invalid pairs.
            train_masks: which masks the train split uses: VOC's (`voc`), SBD's (`sbd`), or SBD's if the devkit contains
                them (`sbd_if_present`).
            devkit_fingerprint: a hash of the devkit's content, because TFX's cache key does not include it.
            code_fingerprint: a hash of the conversion's code, because TFX's cache key does not include it.
        """
        super().__init__(
            spec=VocExampleGenSpec(
                **{
                    executor.DEVKIT_KEY: devkit,
                    executor.RECORD_CONFIG_KEY: json.dumps(record_config.as_json(), sort_keys=True),
                    executor.CONVERSION_KEY: _as_json(conversion_config or ConversionConfig()),
                    executor.TRAIN_MASKS_KEY: train_masks,
                    executor.DEVKIT_FINGERPRINT_KEY: devkit_fingerprint,
                    executor.CODE_FINGERPRINT_KEY: code_fingerprint,
                    executor.EXAMPLES_KEY: types.Channel(type=standard_artifacts.Examples),
                }
            )
        )


def _as_json(config: ConversionConfig) -> str:
    return json.dumps(dataclasses.asdict(config), sort_keys=True)
