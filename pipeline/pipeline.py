"""Creates the TFX pipeline. The local runner and Kubeflow use the same one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tfx import components as tfx_components  # isort: skip  (first: it installs a stand-in that TFDV needs)
import tensorflow_data_validation as tfdv
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline

from components.curated_schema.component import CuratedSchema
from components.curated_schema.schema import curated_schema
from components.data_validator.component import DataValidator
from components.detector_trainer.component import DetectorTrainer
from components.model_pusher.component import Pusher
from components.model_selector.component import ModelSelector
from components.model_smoke_test.component import ModelSmokeTest
from components.model_smoke_test.process import CHECKS_MODULE
from components.published_model.component import PublishedModel
from components.segmentation_evaluator.component import SegmentationEvaluator
from components.segmentation_trainer.component import SegmentationTrainer
from components.target_exporter.component import TargetExporter
from components.targets.libraries import CONVERTER_DISTRIBUTIONS, installed_versions
from components.voc_example_gen.component import VocExampleGen
from pipeline.code_fingerprint import code_fingerprint
from pipeline.config.problems import ConfigError
from pipeline.places import Places, local_places
from pipeline.trainer_fingerprint import trainer_fingerprint
from pipeline.weights_fingerprint import weights_fingerprint
from tfds_voc_seg.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Collection

    from tfx.types import BaseChannel

    from pipeline.config.schema import CandidateConfig, RunConfig

TABULAR_FEATURES = ("classes", "class_pixels", "void_pixels", "height", "width", "filename")
"""The features that StatisticsGen counts: the record without image and mask."""


def trainer_id(candidate: str) -> str:
    """Returns the node id of a candidate's trainer."""
    return f"SegmentationTrainer.{candidate}"


def create_pipeline(config: RunConfig, places: Places | None = None, *, without: Collection[str] = ()) -> Pipeline:
    """Creates the pipeline of a run.

    Args:
        config: the run.
        places: where the data are; by default the places on this machine, see `local_places`.
        without: ids of nodes to omit. No other node may use their outputs.

    Returns:
        A pipeline without union channels and resolvers, which not every runner supports.

    Raises:
        DevkitError: the devkit is on this machine, but cannot be used.
        ConfigError: the module of a candidate's network cannot be found.
    """
    places = places or local_places(config)
    example_gen = VocExampleGen(
        devkit=places.devkit,
        record_config=config.data.record,
        conversion_config=config.data.conversion,
        train_masks=config.data.train_masks,
        devkit_fingerprint=places.devkit_fingerprint,
        code_fingerprint=code_fingerprint("components.voc_example_gen.executor"),
    )
    examples = example_gen.outputs["examples"]
    schema = CuratedSchema(
        curated_schema(config.data.class_names, _geometry(config).most_pixels),
        code_fingerprint=code_fingerprint("components.curated_schema.executor"),
    )
    statistics_gen = tfx_components.StatisticsGen(
        examples=examples,
        schema=schema.outputs["schema"],  # so that each class is counted separately
        stats_options=tfdv.StatsOptions(feature_allowlist=list(TABULAR_FEATURES)),
    )
    # The inferred schema is informative only; the records are validated against the curated schema.
    schema_gen = tfx_components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = tfx_components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema.outputs["schema"]
    )
    data_validator = DataValidator(
        statistics=statistics_gen.outputs["statistics"],
        anomalies=example_validator.outputs["anomalies"],
        examples=examples,
        config=config.validation,
        code_fingerprint=code_fingerprint("components.data_validator.executor"),
    )
    detector = _detector(config, places, examples)
    trainers = {
        name: SegmentationTrainer(
            examples=examples,
            candidate=name,
            network=candidate.network,
            options=candidate.options,
            training=candidate.training,
            backbone=detector.outputs["detector"] if detector and candidate.transfer else None,
            state_folder=places.training_folder and f"{places.training_folder}/{name}",
            epochs=places.epochs,
            code_fingerprint=_trainer_fingerprint(name, candidate),
        ).with_id(trainer_id(name))
        for name, candidate in config.candidates.items()
    }
    for trainer in (*trainers.values(), *([detector] if detector else [])):
        trainer.add_upstream_node(data_validator)  # so that a data problem is found before the long work starts
    models = {name: trainer.outputs["model"] for name, trainer in trainers.items()}
    published_model = PublishedModel(
        places.serving_folder,
        serving_state=places.serving_state,
        code_fingerprint=code_fingerprint("components.published_model.executor"),
    )
    smoke_test = ModelSmokeTest(
        examples=examples,
        models=models,
        config=config.smoke_test,
        code_fingerprint=code_fingerprint("components.model_smoke_test.executor", CHECKS_MODULE),
    )
    evaluator = SegmentationEvaluator(
        examples=examples,
        models=models,
        smoke_test=smoke_test.outputs["smoke_test"],
        baseline=published_model.outputs["model"],
        devkit=places.devkit,
        record_config=config.data.record,
        code_fingerprint=code_fingerprint("components.segmentation_evaluator.executor"),
    )
    selector = ModelSelector(
        evaluation=evaluator.outputs["evaluation"],
        smoke_test=smoke_test.outputs["smoke_test"],
        models=models,
        config=config.selection,
        code_fingerprint=code_fingerprint("components.model_selector.executor"),
    )
    exporter = _target_exporter(config, examples, selector)
    pusher = Pusher(
        model=(exporter or selector).outputs["model"],
        model_blessing=selector.outputs["blessing"],
        serving_folder=places.serving_folder,
        keep_versions=config.publishing.keep_versions,
    )
    nodes = [
        example_gen,
        schema,
        statistics_gen,
        schema_gen,
        example_validator,
        data_validator,
        *([detector] if detector else []),
        *trainers.values(),
        published_model,
        smoke_test,
        evaluator,
        selector,
        *([exporter] if exporter else []),
        pusher,
    ]
    return Pipeline(
        pipeline_name=f"voc-seg-{config.name.replace('_', '-')}",
        pipeline_root=places.pipeline_root,
        components=[node for node in nodes if node.id not in without],
        enable_cache=True,
        metadata_connection_config=(
            metadata.sqlite_metadata_connection_config(places.metadata_file) if places.metadata_file else None
        ),
        beam_pipeline_args=list(config.beam.args),
    )


def _detector(config: RunConfig, places: Places, examples: BaseChannel) -> DetectorTrainer | None:
    if config.detector is None:
        return None
    fingerprint = code_fingerprint("components.detector_trainer.executor")
    return DetectorTrainer(
        examples,
        config.detector,
        state_folder=places.training_folder and f"{places.training_folder}/detector",
        code_fingerprint=fingerprint + weights_fingerprint(config.detector.weights),
    )


def _target_exporter(config: RunConfig, examples: BaseChannel, selector: ModelSelector) -> TargetExporter | None:
    if config.publishing.exports is None:
        return None
    converters = json.dumps(installed_versions(CONVERTER_DISTRIBUTIONS))
    return TargetExporter(
        examples,
        selector.outputs["model"],
        selector.outputs["blessing"],
        config.publishing.exports,
        code_fingerprint=f"{code_fingerprint('components.target_exporter.executor')}+{converters}",
    )


def _geometry(config: RunConfig) -> Geometry:
    return Geometry(config.data.image_size, config.data.resize, config.data.short_side)


def _trainer_fingerprint(name: str, candidate: CandidateConfig) -> str:
    try:
        return trainer_fingerprint(candidate.network, candidate.options)
    except ModuleNotFoundError as error:
        raise ConfigError(f"candidates.{name}.network: {error}; is it in this folder or on PYTHONPATH?") from error
