"""The run's configuration as typed classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pydantic

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
from tfds_voc_seg.record_config import ImageEncoding, OnBadPair, RecordConfig, VoidTreatment, known_classes
from tfds_voc_seg.sample.devkit import DEFAULT_TRAIN_IMAGES, DEFAULT_VAL_IMAGES

SAMPLE_DEVKIT = "sample"
"""The devkit's name for the embedded sample."""


LOCAL_BEAM_ARGS = ("--runner=DirectRunner", "--allow_unsafe_triggers", "--sdk_container_image=unused")
"""In-process: starts at once, downloads no runner, builds no package of TFX."""


def _classes(names: list[str]) -> list[str]:
    return list(known_classes(names))


def _network(name: str) -> str:
    network_path(name)
    return name


class DataConfig(StrictConfig):
    """The data and its records."""

    devkit: str = SAMPLE_DEVKIT
    """The folder that holds JPEGImages, usually VOCdevkit/VOC2012, or its URI; `sample` for the embedded sample."""
    image_size: int = pydantic.Field(default=300, ge=32, le=4096)
    """Height and width of image and mask, pixels."""
    classes: Annotated[list[str], pydantic.AfterValidator(_classes)]
    """VOC's foreground classes to keep; all others become background."""
    drop_empty: bool = False
    """Leave out images that hold none of the classes."""
    train_masks: TrainMasks = "voc"
    """`voc`: VOC's own train split; `sbd`: the one that the Semantic Boundaries Dataset enlarges
    (`SegmentationClassAug`, `train_aug.txt`); `sbd_if_present`: the latter where the devkit holds it."""
    void: VoidTreatment = "ignore"
    """`ignore` leaves void out of losses and metrics; `background` makes it background."""
    image_encoding: ImageEncoding = "png"
    """`png` is lossless; `jpeg` makes smaller records."""
    mask_compression_level: int = pydantic.Field(default=7, ge=1, le=9)
    """zlib's: 1 is fastest, 9 smallest."""
    boxes: bool = False
    """Put the objects of the devkit's annotations into the records: a detector needs them."""
    background_classes: bool = False
    """Put into the records which of VOC's other classes the background consists of: a training with
    `learn_background_classes` needs it."""
    num_shards: int = pydantic.Field(default=4, ge=1, le=10_000)
    """Files a split."""
    on_bad_pair: OnBadPair = "fail"
    """`fail` lists all bad pairs and stops; `skip` leaves them out and reports them."""
    max_bad_fraction: float = pydantic.Field(default=0.1, ge=0, le=1)
    """With `skip`: stop all the same where a larger share of a split is bad."""
    seed: int = pydantic.Field(default=0, ge=0, le=LARGEST_SEED)
    """Of the shuffling."""

    def record_config(self) -> RecordConfig:
        """What a record holds."""
        return RecordConfig(
            image_size=self.image_size,
            classes=tuple(self.classes),
            void=self.void,
            image_encoding=self.image_encoding,
            drop_empty=self.drop_empty,
            mask_compression_level=self.mask_compression_level,
            boxes=self.boxes,
            background_classes=self.background_classes,
        )


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
            class_names = info.data["data"].record_config().class_names
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
