"""Converts a VOC devkit to an Examples artifact."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etils import epath
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components import record_artifacts
from components.progress import Progress, report
from tfds_voc_seg import conversion
from tfds_voc_seg.devkit import DevkitError, Pair, find_devkit, read_split
from tfds_voc_seg.encoding import keeps_any_class, record_features
from tfds_voc_seg.record_config import RecordConfig

DEVKIT_KEY = "devkit"
RECORD_CONFIG_KEY = "record_config"
CONVERSION_KEY = "conversion"
DEVKIT_FINGERPRINT_KEY = "devkit_fingerprint"
CODE_FINGERPRINT_KEY = "code_fingerprint"
EXAMPLES_KEY = "examples"

_POLL_SECONDS = 0.3


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the records of VOC's train and val splits."""

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
                examples: Examples, one folder a split, `features.json` beside them.
            exec_properties:
                devkit: the folder that holds `JPEGImages`.
                record_config: JSON of `RecordConfig`.
                conversion: JSON of num_shards, drop_empty and seed.
                devkit_fingerprint, code_fingerprint: for TFX's cache; not read.

        Raises:
            DevkitError: the devkit, or a pair of it, can't be used.
            ConversionError: the files do not hold the records that were to be written.
        """
        config = RecordConfig(**json.loads(exec_properties[RECORD_CONFIG_KEY]))
        settings = json.loads(exec_properties[CONVERSION_KEY])
        devkit = find_devkit(exec_properties[DEVKIT_KEY])
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list(record_artifacts.SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)

        shards: list[conversion.Shard] = []
        for split, folder in zip(
            record_artifacts.SPLITS,
            (artifact_utils.get_split_uri([examples], split) for split in record_artifacts.SPLITS),
            strict=True,
        ):
            epath.Path(folder).mkdir(parents=True, exist_ok=True)
            pairs = self._pairs(devkit, split, config, drop_empty=settings["drop_empty"])
            shards += conversion.plan_shards(
                pairs, folder, f"voc_seg-{split}", settings["num_shards"], settings["seed"]
            )
        with _reported(shards), self._make_beam_pipeline() as pipeline:
            _ = pipeline | conversion.WriteShards(shards, config)
        conversion.verify_shards(shards)
        record_artifacts.write_features(examples, record_features(config))

    @staticmethod
    def _pairs(devkit: Path, split: str, config: RecordConfig, *, drop_empty: bool) -> list[Pair]:
        pairs = read_split(devkit, split)
        if not drop_empty:
            return pairs
        kept = [pair for pair in pairs if keeps_any_class(pair, config)]
        if not kept:
            raise DevkitError(
                f"no image of split {split!r} in {devkit} holds any of {', '.join(config.classes)}; "
                "choose other classes or turn drop_empty off."
            )
        return kept


@contextlib.contextmanager
def _reported(shards: list[conversion.Shard]) -> Iterator[None]:
    """Reports the pairs written, whatever process writes them."""
    total = sum(len(shard.pairs) for shard in shards)
    finished = threading.Event()

    def report_written() -> None:
        report(Progress("converting pairs", conversion.pairs_written(shards), total))

    def poll() -> None:
        while not finished.wait(_POLL_SECONDS):
            report_written()

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield
    finally:
        finished.set()
        poller.join()
    report_written()
