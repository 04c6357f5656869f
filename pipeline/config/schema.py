"""The run's configuration as typed classes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core

from components.data_validator.validation_config import ValidationConfig
from components.detector_trainer.detector_config import DetectorConfig
from components.model_selector.selection_config import SelectionConfig
from components.model_smoke_test.smoke_test_config import SmokeTestConfig
from components.networks.names import CONTRACT_ARGUMENTS, network_path
from components.run_files import ARTIFACTS_FOLDER, METADATA_FILE, SERVING_FOLDER, TRAINING_FOLDER
from components.strict_config import StrictConfig
from components.training.config import LARGEST_SEED, TrainingConfig
from pipeline.config.kubeflow import KubeflowConfig
from tfds_voc_seg.devkit.splits import TrainMasks
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig, known_classes
from tfds_voc_seg.sample.devkit import DEFAULT_TRAIN_IMAGES, DEFAULT_VAL_IMAGES

SAMPLE_DEVKIT = "sample"
"""The devkit's name for the embedded sample."""


LOCAL_BEAM_ARGS = ("--runner=DirectRunner", "--allow_unsafe_triggers", "--sdk_container_image=unused")
"""In-process: starts at once, downloads no runner, builds no package of TFX."""


_Settings = TypeVar("_Settings", RecordConfig, ConversionConfig)


def _require_list(classes: Any) -> Any:
    """Asks for a list, as YAML has it, where pydantic's own check of a tuple would ask for "a valid tuple"."""
    if not isinstance(classes, list | tuple):
        raise pydantic_core.PydanticKnownError("list_type")
    return classes


def _network(name: str) -> str:
    network_path(name)
    return name


class DataConfig(StrictConfig, ConversionConfig, RecordConfig):  # type: ignore[misc]  # StrictConfig is frozen, too
    """The data and its records. The fields of the two record configurations are keys of this section as well.

    Where such a field appears below, it gets a range or a check in addition, and keeps its default.
    """

    devkit: str = SAMPLE_DEVKIT
    """The folder that holds JPEGImages, usually VOCdevkit/VOC2012, or its URI; `sample` for the embedded sample."""
    train_masks: TrainMasks = "voc"
    """`voc`: VOC's own train split; `sbd`: the train split enlarged by the Semantic Boundaries Dataset
    (`SegmentationClassAug`, `train_aug.txt`); `sbd_if_present`: the enlarged split if the devkit holds it, else
    VOC's own."""
    image_size: Annotated[int, pydantic.Field(ge=32, le=4096)]
    classes: Annotated[
        tuple[str, ...], pydantic.BeforeValidator(_require_list), pydantic.AfterValidator(known_classes)
    ] = pydantic.Field(...)  # a run has to name its classes: no default
    mask_compression_level: Annotated[int, pydantic.Field(ge=1, le=9)]
    num_shards: Annotated[int, pydantic.Field(ge=1, le=10_000)]
    seed: Annotated[int, pydantic.Field(ge=0, le=LARGEST_SEED)]
    max_bad_fraction: Annotated[float, pydantic.Field(ge=0, le=1)]

    @property
    def record(self) -> RecordConfig:
        """What a record holds."""
        return _settings_of(RecordConfig, self)

    @property
    def conversion(self) -> ConversionConfig:
        """How the records are written to files."""
        return _settings_of(ConversionConfig, self)


def _settings_of(base: type[_Settings], data: DataConfig) -> _Settings:
    """Returns an instance of a base class of `DataConfig` with only its own fields."""
    return base(**{field.name: getattr(data, field.name) for field in dataclasses.fields(base)})


class SampleConfig(StrictConfig):
    """The embedded sample, where `data.devkit` is `sample`."""

    train_images: int = pydantic.Field(default=DEFAULT_TRAIN_IMAGES, ge=1, le=100_000)
    val_images: int = pydantic.Field(default=DEFAULT_VAL_IMAGES, ge=1, le=100_000)
    seed: int = pydantic.Field(default=0, ge=0, le=LARGEST_SEED)


class CandidateConfig(StrictConfig):
    """A network to train and compare."""

    network: Annotated[str, pydantic.AfterValidator(_network)]
    """A known network's name, or one's own as `module:function`."""
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    """The network's own options."""
    transfer: bool = False
    """Whether the network's backbone begins with the VGG-16 that the run's detector was trained with."""
    training: TrainingConfig = TrainingConfig()
    """How to train it: the run's `training`, with this candidate's own settings over it."""

    @pydantic.field_validator("options")
    @classmethod
    def _own_options_only(cls, options: dict[str, Any]) -> dict[str, Any]:
        taken = [name for name in options if name in CONTRACT_ARGUMENTS]
        if taken:
            raise ValueError(f"{taken[0]} follows from the data settings; take it out")
        return options


class PublishingConfig(StrictConfig):
    """What becomes of the published versions."""

    keep_versions: int | None = pydantic.Field(default=5, ge=1)
    """How many stay, the newest; the one in service always does. `null` keeps all. With 1 no rollback is possible."""


class BeamConfig(StrictConfig):
    """Where the Beam jobs run."""

    args: list[str] = pydantic.Field(default_factory=lambda: list(LOCAL_BEAM_ARGS))
    """Beam's own pipeline options."""

    @pydantic.field_validator("args")
    @classmethod
    def _no_threads(cls, args: list[str]) -> list[str]:
        if any("multi_threading" in arg for arg in args):
            raise ValueError("multi_threading loses records; use --direct_running_mode=multi_processing")
        return args


class RunConfig(StrictConfig):
    """A whole run."""

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    """Small letters, digits and underscores; names the pipeline and the default output folder."""
    output: str = ""
    """Where everything goes; `runs/<name>` by default."""
    data: DataConfig
    sample: SampleConfig = SampleConfig()
    validation: ValidationConfig = ValidationConfig()
    training: TrainingConfig = TrainingConfig()
    """The settings that all candidates share."""
    detector: DetectorConfig | None = None
    """An SSD300 to train first, for the candidates with `transfer: true`; none by default. Needs `data.boxes`."""
    candidates: dict[Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], CandidateConfig]
    smoke_test: SmokeTestConfig = SmokeTestConfig()
    """The test that each candidate's SavedModel goes through before it may be published."""
    selection: SelectionConfig = SelectionConfig()
    """When a candidate is published."""
    publishing: PublishingConfig = PublishingConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()
    """What a cluster gives each node; a local run looks at none of it."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _share_training(cls, values: Any) -> Any:
        """Puts the shared training settings under each candidate's own."""
        if not (isinstance(values, dict) and isinstance(values.get("candidates"), dict)):
            return values
        shared = values.get("training") or {}
        if not isinstance(shared, dict):
            return values
        candidates = {
            name: {**candidate, "training": {**shared, **(candidate.get("training") or {})}}
            if isinstance(candidate, dict) and isinstance(candidate.get("training") or {}, dict)
            else candidate
            for name, candidate in values["candidates"].items()
        }
        return {**values, "candidates": candidates}

    @pydantic.field_validator("candidates")
    @classmethod
    def _some_candidate(cls, candidates: dict[str, CandidateConfig]) -> dict[str, CandidateConfig]:
        if not candidates:
            raise ValueError("name at least one candidate")
        return candidates

    @pydantic.field_validator("selection")
    @classmethod
    def _classes_of_the_data(cls, selection: SelectionConfig, info: pydantic.ValidationInfo) -> SelectionConfig:
        if "data" in info.data:  # it is not where the data settings themselves are wrong
            class_names = info.data["data"].class_names
            unknown = [name for name in selection.min_class_iou if name not in class_names]
            if unknown:
                raise ValueError(f"min_class_iou: unknown class {unknown[0]!r}; the run has {', '.join(class_names)}")
        return selection

    @pydantic.model_validator(mode="after")
    def _detector_with_boxes(self) -> RunConfig:
        if self.detector and not self.data.boxes:
            raise ValueError("detector: it learns from boxes; set data.boxes to true")
        transferring = [name for name, candidate in self.candidates.items() if candidate.transfer]
        if transferring and not self.detector:
            raise ValueError(f"candidates.{transferring[0]}.transfer: the run has no detector to begin with; add one")
        return self

    @pydantic.model_validator(mode="after")
    def _background_that_is_told_apart(self) -> RunConfig:
        learning = [name for name, candidate in self.candidates.items() if candidate.training.learn_background_classes]
        if learning and not self.data.background_classes:
            raise ValueError(
                f"candidates.{learning[0]}.training.learn_background_classes: set data.background_classes to true"
            )
        return self

    @property
    def output_folder(self) -> Path:
        """Where everything goes, absolute."""
        return Path(self.output or f"runs/{self.name}").resolve()

    @property
    def pipeline_root(self) -> str:
        """Where TFX keeps the artifacts."""
        return str(self.output_folder / ARTIFACTS_FOLDER)

    @property
    def training_folder(self) -> str:
        """Where trainings under way keep their state."""
        return str(self.output_folder / TRAINING_FOLDER)

    @property
    def metadata_file(self) -> str:
        """The ML Metadata database."""
        return str(self.output_folder / METADATA_FILE)

    @property
    def serving_folder(self) -> str:
        """The folder that the Pusher publishes to and TensorFlow Serving polls."""
        return str(self.output_folder / SERVING_FOLDER)
